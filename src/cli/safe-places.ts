import { lstat, stat } from "node:fs/promises";
import { dirname } from "node:path";

import { UsageError } from "./command.ts";

const GROUP_OR_OTHERS_WRITE = 0o022;
const OTHERS_WRITE = 0o002;
const STICKY = 0o1000;
const ALL_BITS = 0o7777;

/** A file to be made; `isSecret`: nobody else may write to its folder at all. */
export type NewFile = { readonly path: string; readonly isSecret: boolean };

/**
 * Whether files may be made at these places: no link that leads nowhere stands there, and nobody else can put another file
 * in their place. To be asked before anything is written.
 * @throws UsageError that says what to do.
 */
export async function requireSafePlaces(files: readonly NewFile[]): Promise<void> {
  for (const { path, isSecret } of files) {
    await refuseDanglingLink(dirname(path));
    await refuseDanglingLink(path);
    await requireSafeFolder(dirname(path), isSecret);
  }
}

async function refuseDanglingLink(path: string): Promise<void> {
  const link = await lstat(path).catch(() => undefined);
  if (link?.isSymbolicLink() !== true) return;
  const target = await stat(path).catch(() => undefined);
  if (target !== undefined) return;
  throw new UsageError(
    `${path} is a link that leads nowhere, and what is made through it would lie where it points; remove it: rm ${path}`,
  );
}

/** `isSecret`: nobody else may write to the folder at all. @throws UsageError when others could put another file there */
export async function requireSafeFolder(folder: string, isSecret: boolean): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isDirectory()) throw new UsageError(`${folder} is no folder; move it away`);
  const mode = found.mode & ALL_BITS;
  const isOpen = isSecret
    ? (mode & GROUP_OR_OTHERS_WRITE) !== 0
    : (mode & OTHERS_WRITE) !== 0 && (mode & STICKY) === 0;
  if (!isOpen) return;
  throw new UsageError(
    `others may write to ${folder} (mode ${mode.toString(8)}), and could put their own file there; run: chmod ${isSecret ? "700" : "o-w"} ${folder}`,
  );
}
