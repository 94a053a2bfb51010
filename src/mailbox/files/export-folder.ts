/**
 * The folder that an export is written into. Nobody but its owner may read it. It is made by the export, or was begun by an
 * earlier one of the same account and form, which `sealpost-export.jsonl` in it says.
 */
import { lstat, mkdir, open, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

import { codeOf } from "../../base/errors.ts";
import { FOLDER_MODE, syncFolder } from "../../blobs/body-files.ts";
import type { AccountId } from "../../words/account.ts";

export type ExportFormat = "maildir" | "mbox";

/** Whose export a folder holds. */
export type ExportOf = { readonly account: AccountId; readonly format: ExportFormat };

/** Why nothing is written into a folder: it is no export of this account in this form, or others may read it, or it was changed. */
export type TargetTaken = {
  readonly kind: "target-taken";
  readonly path: string;
  readonly why: "not-ours" | "open-to-others" | "changed" | "busy";
};

/** Nobody else writes into the folder until it is disposed. */
export type ExportFolder = AsyncDisposable & { readonly kind: "open" };

const STATE_FILE = "sealpost-export.jsonl";
/** It holds the process that writes. */
const LOCK_FILE = "sealpost-export.lock";
const FILE_MODE = 0o600;
const OTHERS = 0o077;
const MAX_FIRST_LINE = 1024;

/** The file that says what the folder is, and for mbox files which messages they hold. */
export function stateFile(path: string): string {
  return join(path, STATE_FILE);
}

/** Makes the folder, or goes on with one that an earlier export left. */
export async function openExportFolder(
  path: string,
  wanted: ExportOf,
): Promise<ExportFolder | TargetTaken> {
  const made = await mkdir(path, { mode: FOLDER_MODE }).then(
    () => true,
    (error: unknown) => {
      if (codeOf(error) === "EEXIST") return false;
      throw error;
    },
  );
  const firstLine = `${JSON.stringify({ export: 1, ...wanted })}\n`;
  if (!made) {
    const why = await whyNot(path, firstLine);
    if (why === "begun") return await locked(path);
    if (why !== "empty") return { kind: "target-taken", path, why };
  }
  await using file = await open(stateFile(path), "wx", FILE_MODE);
  await file.writeFile(firstLine);
  await file.sync();
  await syncFolder(path);
  await syncFolder(dirname(path)).catch(() => undefined);
  return await locked(path);
}

/** Two exports at once would write over each other. The lock of a process that has ended counts for nothing. */
async function locked(path: string): Promise<ExportFolder | TargetTaken> {
  const lock = join(path, LOCK_FILE);
  const holder = Number(await readFile(lock, "utf8").catch(() => ""));
  if (holder > 0 && !isRunning(holder)) await rm(lock, { force: true });
  const isOurs = await writeFile(lock, String(process.pid), { flag: "wx", mode: FILE_MODE }).then(
    () => true,
    (error: unknown) => {
      if (codeOf(error) === "EEXIST") return false;
      throw error;
    },
  );
  if (!isOurs) return { kind: "target-taken", path, why: "busy" };
  return { kind: "open", [Symbol.asyncDispose]: async () => rm(lock, { force: true }) };
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    // It runs, and belongs to somebody else.
    return codeOf(error) === "EPERM";
  }
}

async function whyNot(
  path: string,
  firstLine: string,
): Promise<"begun" | "empty" | TargetTaken["why"]> {
  const stats = await lstat(path);
  if (!stats.isDirectory() || stats.uid !== process.getuid?.()) return "not-ours";
  const begun = await firstLineOf(stateFile(path));
  const isEmpty = begun === "" && (await readdir(path)).every((name) => name === STATE_FILE);
  if (!isEmpty && begun !== firstLine) return "not-ours";
  if ((stats.mode & OTHERS) !== 0) return "open-to-others";
  return begun === firstLine ? "begun" : "empty";
}

/** Empty when there is none. */
async function firstLineOf(file: string): Promise<string> {
  const stats = await lstat(file).catch(() => undefined);
  if (stats?.isFile() !== true) return "";
  await using handle = await open(file, "r");
  const { buffer, bytesRead } = await handle.read(Buffer.alloc(MAX_FIRST_LINE), 0);
  const text = buffer.toString("utf8", 0, bytesRead);
  return text.slice(0, text.indexOf("\n") + 1);
}
