/**
 * The line on which a field of a TOML text stands, from 1; for a field that is absent, that of its table, else 1.
 * For messages only: it knows table headers, keys and dotted keys, not values that span lines.
 */
export function lineOf(text: string, path: readonly string[]): number {
  let table: readonly string[] = [];
  let best = { line: 1, depth: 0 };
  for (const [index, line] of text.split("\n").entries()) {
    const header = /^\s*\[{1,2}([^[\]#]+)\]{1,2}/.exec(line)?.[1];
    const key = /^\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=/.exec(
      line,
    )?.[1];
    if (header !== undefined) table = keyPath(header);
    else if (key === undefined) continue;
    const here = header === undefined ? [...table, ...keyPath(key ?? "")] : table;
    const isOnTheWay = here.every((name, at) => name === path[at]);
    if (isOnTheWay && here.length > best.depth) best = { line: index + 1, depth: here.length };
  }
  return best.line;
}

function keyPath(dotted: string): readonly string[] {
  return [...dotted.matchAll(/"([^"]*)"|'([^']*)'|([\w-]+)/g)].map(
    ([, double, single, bare]) => double ?? single ?? bare ?? "",
  );
}
