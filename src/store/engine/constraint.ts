/** SQLITE_CONSTRAINT: the low octet of an extended result code. */
const SQLITE_CONSTRAINT = 19;
/** Integrity constraint violation: the class of an SQLSTATE. */
const SQLSTATE_CLASS = "23";

/** Whether the database refused a row because of what it says, so that it will again: all else may pass another time. */
export function isConstraintViolation(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { code, errcode } = error as { readonly code?: unknown; readonly errcode?: unknown };
  return typeof errcode === "number"
    ? (errcode & 0xff) === SQLITE_CONSTRAINT
    : typeof code === "string" && code.length === 5 && code.startsWith(SQLSTATE_CLASS);
}
