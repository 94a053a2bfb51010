/** What was thrown in one thread, for another: class and further fields do not cross by themselves. */

export type PortableError = {
  readonly name: string;
  readonly message: string;
  /** What of `FIELDS` it has. */
  readonly fields: Readonly<Record<string, unknown>>;
};

/** Node's name for it, and SQLite's number and words. */
const FIELDS = ["code", "errcode", "errstr"] as const;
/** Mistakes of the program stay what they are (`isProgramFault`). */
const CLASSES = { TypeError, RangeError, ReferenceError, SyntaxError } as const;

export function portableError(thrown: unknown): PortableError {
  const { name, message } = thrown instanceof Error ? thrown : new Error(String(thrown));
  const of = Object(thrown) as object;
  const fields = FIELDS.flatMap((field) => {
    const value: unknown = Reflect.get(of, field);
    return typeof value === "string" || typeof value === "number" ? [[field, value] as const] : [];
  });
  return { name, message, fields: Object.fromEntries(fields) };
}

export function errorFrom({ name, message, fields }: PortableError): Error {
  const Class = Object.values(CLASSES).find((one) => one.name === name) ?? Error;
  return Object.assign(new Class(message), fields);
}
