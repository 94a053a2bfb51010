import type { Readable } from "node:stream";

import { AppError } from "../base/errors.ts";
import { withMarks } from "../mail/one-line.ts";

/** 0 done, 1 what was asked for failed, 2 wrong usage or configuration, 75 temporary trouble. */
export type ExitCode = 0 | 1 | 2 | 75;

/** An option of a command line; `value` names what follows it and is absent for a switch. */
export type Option = { readonly value?: string; readonly help: string };

/** One command: what `--help` says of it, and what it does. */
export type Command = {
  /** Noun and verb, or one word: `account add`. */
  readonly name: string;
  /** What stands after the name; in brackets what may be left out. The last one ends in `...` where there may be several. */
  readonly operands: readonly string[];
  readonly summary: string;
  readonly options: Readonly<Record<string, Option>>;
  readonly run: (call: Call) => Promise<ExitCode>;
};

/** Where a command reads secrets and writes its answer. */
export type Terminal = {
  readonly input: Readable;
  readonly write: (output: string | Uint8Array) => void;
  readonly complain: (line: string) => void;
};

/** A command line that was understood. */
export type Call = {
  readonly operands: readonly string[];
  readonly configFile: string;
  readonly isJson: boolean;
  readonly terminal: Terminal;
  /** The value of an option; undefined when it was not given. */
  readonly option: (name: string) => string | undefined;
  readonly has: (name: string) => boolean;
};

/** A command line that cannot be understood; exit code 2. The message says what to do. */
export class UsageError extends AppError {
  override readonly name = "UsageError";

  constructor(message: string) {
    super(message, { temporary: false });
  }
}

/** The answer: one JSON document with `--json`, in which what is absent is null, else the lines. */
export function answer(call: Call, json: unknown, lines: readonly string[]): ExitCode {
  const text = call.isJson ? jsonText(json) : lines.join("\n");
  call.terminal.write(text === "" ? "" : `${text}\n`);
  return 0;
}

/** A JSON document for people and programs, in which what is absent is null. */
export function jsonText(json: unknown): string {
  const nullable = (_name: string, value: unknown): unknown => (value === undefined ? null : value);
  return JSON.stringify(json, nullable, 2);
}

/** Rows as columns of equal width, two spaces apart; no column is narrower than `widths` says. */
export function table(
  rows: readonly (readonly string[])[],
  widths: readonly number[] = [],
): readonly string[] {
  const width = (column: number) =>
    rows.reduce((widest, row) => Math.max(widest, row[column]?.length ?? 0), widths[column] ?? 0);
  return rows.map((row) =>
    row
      .map((cell, column) => cell.padEnd(width(column)))
      .join("  ")
      .trimEnd(),
  );
}

/** Printed text from outside shows no control characters: they could drive the terminal. */
export function printable(text: string): string {
  return withMarks(text);
}
