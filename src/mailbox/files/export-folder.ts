/**
 * The folder that an export is written into. Nobody but its owner may read it. It is made by the export, or was begun by an
 * earlier one of the same account and form, which `sealpost-export.jsonl` in it says.
 */
import type { Stats } from "node:fs";
import { lstat, mkdir, open, readdir, readlink, realpath } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";

import { codeOf } from "../../base/errors.ts";
import { fill } from "../../base/fill.ts";
import { FOLDER_MODE, syncFolder } from "../../blobs/body-files.ts";
import type { AccountId } from "../../words/account.ts";
import { lockExport } from "./export-lock.ts";
import { holdFolder, type HeldFolder } from "./held-folder.ts";
import { openOrdinaryFile } from "./ordinary-file.ts";

export type ExportFormat = "maildir" | "mbox";

/** Whose export a folder holds. */
export type ExportOf = { readonly account: AccountId; readonly format: ExportFormat };

/**
 * Why nothing is written into a folder: it is no export of this account in this form, others may read it, it was changed, another
 * export writes into it, or a link leads to it.
 */
export type TargetTaken = {
  readonly kind: "target-taken";
  readonly path: string;
  readonly why: "not-ours" | "open-to-others" | "changed" | "busy" | "link";
};

/** Nobody else writes into the folder until it is disposed. `path`: for people. `at`: how it is reached. */
export type ExportFolder = AsyncDisposable & {
  readonly kind: "open";
  readonly path: string;
  readonly at: string;
};

const STATE_FILE = "sealpost-export.jsonl";
const FILE_MODE = 0o600;
const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
const MAX_FIRST_LINE = 1024;

/** The file that says what the folder is, and for mbox files which messages they hold. */
export function stateFile(folder: string): string {
  return join(folder, STATE_FILE);
}

/**
 * Makes the folder, or goes on with one that an earlier export left. It may be in a place where somebody else may rename it: what
 * is done in it is done in the folder that was opened.
 */
export async function openExportFolder(
  path: string,
  wanted: ExportOf,
): Promise<ExportFolder | TargetTaken> {
  const whole = resolve(path);
  await using opening = new AsyncDisposableStack();
  if ((await realpath(dirname(whole))) !== dirname(whole)) return taken(path, "link");
  await mkdir(whole, { mode: FOLDER_MODE }).catch((error: unknown) => {
    if (codeOf(error) !== "EEXIST") throw error;
  });
  const held = await holdFolder(whole).catch(() => undefined);
  if (held === undefined) return taken(path, "not-ours");
  opening.use(held);
  if ((await readlink(held.at)) !== whole) return taken(path, "link");
  const firstLine = `${JSON.stringify({ export: 1, ...wanted })}\n`;
  const why = await whyNot(held, firstLine);
  if (why !== undefined) return taken(path, why);
  // Two exports at once would write over each other.
  const lock = await lockExport(held.stats);
  if (lock === undefined) return taken(path, "busy");
  opening.use(lock);
  // Another export may have begun and ended before the lock was free.
  const since = await whyNot(held, firstLine);
  if (since !== undefined) return taken(path, since);
  if ((await firstLineOf(stateFile(held.at))) !== firstLine) await begin(held.at, firstLine);
  await syncFolder(dirname(whole)).catch(() => undefined);
  const open = opening.move();
  return {
    kind: "open",
    path,
    at: held.at,
    [Symbol.asyncDispose]: async () => open.disposeAsync(),
  };
}

function taken(path: string, why: TargetTaken["why"]): TargetTaken {
  return { kind: "target-taken", path, why };
}

async function begin(at: string, firstLine: string): Promise<void> {
  await using file = await open(stateFile(at), "w", FILE_MODE);
  await file.writeFile(firstLine);
  await file.sync();
  await syncFolder(at);
}

/** Why nothing is written into a folder: undefined where it is empty, or holds what an export of ours left. */
async function whyNot(
  { at, stats }: HeldFolder,
  firstLine: string,
): Promise<TargetTaken["why"] | undefined> {
  if (!isOurs(stats)) return "not-ours";
  const begun = await firstLineOf(stateFile(at));
  const isEmpty = begun === "" && (await readdir(at)).every((name) => name === STATE_FILE);
  if (!isEmpty && begun !== firstLine) return "not-ours";
  if ((stats.mode & OTHERS) !== 0) return "open-to-others";
  return (await holdsOnlyOurs(at)) ? undefined : "changed";
}

/** Whether nobody else has put anything into a folder that could lead an export elsewhere, or that others may write to. */
export async function holdsOnlyOurs(folder: string): Promise<boolean> {
  for (const name of await readdir(folder)) {
    const stats = await lstat(join(folder, name));
    const isPlain = stats.isDirectory() || (stats.isFile() && stats.nlink === 1);
    if (!isPlain || !isOurs(stats) || (stats.mode & OTHERS_WRITE) !== 0) return false;
  }
  return true;
}

function isOurs({ uid }: Stats): boolean {
  return uid === process.getuid?.();
}

/** Empty when there is none. */
async function firstLineOf(path: string): Promise<string> {
  const opened = await openOrdinaryFile(path);
  if (opened.kind !== "open") return "";
  await using file = opened;
  const begin = Buffer.alloc(MAX_FIRST_LINE);
  const text = begin.toString("utf8", 0, await fill(file.handle, begin, 0));
  return text.slice(0, text.indexOf("\n") + 1);
}
