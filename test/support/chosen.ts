/** What a program of this repository runs of several long things: those that are named, or `all`. */

/** Exit code for a line that names nothing, or something that is not there. */
export const WRONG_USAGE = 2;

/**
 * The names to run, in the order of the table; undefined, once everything is listed with a line each, when none is given
 * or one is unknown. `command` is how the program is started.
 */
export function chosen(
  command: string,
  table: Readonly<Record<string, { readonly what: string }>>,
  given: readonly string[],
  say: (line: string) => void,
): readonly string[] | undefined {
  const names = Object.keys(table);
  const unknown = given.filter((name) => name !== "all" && !names.includes(name));
  if (given.length > 0 && unknown.length === 0) {
    return given.includes("all") ? names : names.filter((name) => given.includes(name));
  }
  const width = Math.max(...names.map((name) => name.length));
  if (unknown.length > 0) say(`There is no ${unknown.join(", ")}. There is:`);
  for (const [name, { what }] of Object.entries(table)) say(`  ${name.padEnd(width)}  ${what}`);
  say(`Run one or more by name, or all: ${command} -- NAME…, ${command} -- all`);
  return undefined;
}
