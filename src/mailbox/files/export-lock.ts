/**
 * The lock of a folder that an export writes into. Its file stands in a place of our own, named by what the folder is to the
 * system: SQLite opens files by name and follows links, so that it is given no path below a folder that somebody else may change.
 * A user of the system has one such place on a host, and a folder of an export belongs to one user.
 */
import type { Stats } from "node:fs";
import { mkdir, realpath, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import { AppError, codeOf } from "../../base/errors.ts";
import { FOLDER_MODE } from "../../blobs/body-files.ts";
import { lockFile } from "../../store/engine/file-lock.ts";
import { holdFolder } from "./held-folder.ts";

const OTHERS = 0o077;
const OTHERS_WRITE = 0o022;
const STICKY = 0o1000;
const ROOT = 0;

/**
 * Locks a folder that was opened, until it is disposed; undefined: another export has it.
 * @throws AppError where others may change what is in the place of locks
 */
export async function lockExport({ dev, ino }: Stats): Promise<Disposable | undefined> {
  return lockFile(join(await placeOfLocks(), `${String(dev)}-${String(ino)}`));
}

/** A folder that nobody but root and this user can change, and that nobody else can put another in the place of. */
async function placeOfLocks(): Promise<string> {
  const parent = await realpath(tmpdir());
  const path = join(parent, `sealpost-locks-${String(process.getuid?.())}`);
  await mkdir(path, { mode: FOLDER_MODE }).catch((error: unknown) => {
    if (codeOf(error) !== "EEXIST") throw error;
  });
  const held = await holdFolder(path).catch(() => undefined);
  await held?.[Symbol.asyncDispose]();
  const isOwn =
    held?.stats.uid === process.getuid?.() && ((held?.stats.mode ?? OTHERS) & OTHERS) === 0;
  if (isOwn && (await isOutOfReach(parent))) return path;
  throw new AppError(
    `${path} must be a folder that only its owner may use, in one where nobody else may rename it: remove it, or set TMPDIR`,
    { temporary: true },
  );
}

/** Whether nobody else can rename what this user has in a folder, nor that folder, nor those above it. */
async function isOutOfReach(path: string): Promise<boolean> {
  const { uid, mode } = await stat(path);
  const isTrusted = uid === ROOT || uid === process.getuid?.();
  const mayRename = (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0;
  if (!isTrusted || mayRename) return false;
  return dirname(path) === path || isOutOfReach(dirname(path));
}
