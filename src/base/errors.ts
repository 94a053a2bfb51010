/**
 * What no caller handles. `temporary` decides between "try again" (SMTP 4yz, exit code 75) and "will not work"
 * (SMTP 5yz, exit code 1). The message is for the operator's log; strangers see only what `smtp/smtp.ts`
 * makes of it.
 */
export class AppError extends Error {
  override readonly name: string = "AppError";
  readonly temporary: boolean;

  constructor(message: string, options: { temporary: boolean; cause?: unknown }) {
    super(message, "cause" in options ? { cause: options.cause } : undefined);
    this.temporary = options.temporary;
  }
}

/** Work that was ended because it took too long, or too much memory: of what it worked on nothing is known. */
export class TooCostly extends AppError {
  override readonly name = "TooCostly";

  constructor(message: string) {
    super(message, { temporary: true });
  }
}

/** Octets that a row names are not where they were put. They may be put back from a backup; until then no other try has them. */
export class MissingOctets extends AppError {
  override readonly name = "MissingOctets";

  constructor(message: string) {
    super(message, { temporary: true });
  }
}

/** What the work comes to, or another value where it was too costly. */
export async function unlessTooCostly<Value, Other>(
  work: Promise<Value>,
  other: Other,
): Promise<Value | Other> {
  try {
    return await work;
  } catch (error) {
    if (error instanceof TooCostly) return other;
    throw error;
  }
}

/** Work that a fault of the program ended: of what it worked on nothing is known. A repaired program may finish it. */
export class ProgramFault extends AppError {
  override readonly name = "ProgramFault";

  constructor(message: string, cause?: unknown) {
    super(message, { temporary: true, cause });
  }
}

/** Whether what was thrown tells of a mistake in the program, and neither of its input nor of its surroundings. */
export function isProgramFault(thrown: unknown): boolean {
  return MISTAKES.some((kind) => thrown instanceof kind);
}

/** What the language itself throws, and what says so by its name. */
const MISTAKES = [ProgramFault, TypeError, RangeError, ReferenceError, SyntaxError] as const;

/** The text of anything that was thrown, for a log line. */
export function errorText(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}

/** What a system call, or a program that was run, says of its failure: ENOENT, or the program's number. */
export function codeOf(thrown: unknown): unknown {
  return thrown instanceof Error ? Reflect.get(thrown, "code") : undefined;
}
