import type { Stats } from "node:fs";
import { constants, open, type FileHandle } from "node:fs/promises";

import { codeOf } from "../../base/errors.ts";
import { fill } from "../../base/fill.ts";

/** A regular file that was opened, and what it was then. */
export type OpenFile = AsyncDisposable & {
  readonly kind: "open";
  readonly handle: FileHandle;
  readonly stats: Stats;
};

/** Why a file that somebody else may have put there is not read. */
export type NoFile =
  | { readonly kind: "absent" }
  /** A link, a pipe, a device, a folder, or nothing that may be read. */
  | { readonly kind: "unreadable" };

/** What became of a file that somebody else may have put there. */
export type OrdinaryFile =
  | { readonly kind: "read"; readonly bytes: Uint8Array }
  | { readonly kind: "too-large" };

/** Opens regular files alone, and never through a link: a pipe would wait for ever, and a device would never end. */
export async function openOrdinaryFile(path: string): Promise<OpenFile | NoFile> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await open(path, flags).catch((error: unknown) =>
    codeOf(error) === "ENOENT" ? "absent" : "unreadable",
  );
  if (typeof handle === "string") return { kind: handle };
  const stats = await handle.stat();
  if (stats.isFile()) {
    return { kind: "open", handle, stats, [Symbol.asyncDispose]: async () => handle.close() };
  }
  await handle.close();
  return { kind: "unreadable" };
}

/** All octets of a file that was opened, if there are not more than these. */
export async function readOpenFile(file: OpenFile, maxOctets: number): Promise<OrdinaryFile> {
  // The file may grow while it is read.
  const buffer = Buffer.alloc(Math.min(file.stats.size, maxOctets) + 1);
  const length = await fill(file.handle, buffer, 0);
  return length > maxOctets
    ? { kind: "too-large" }
    : { kind: "read", bytes: buffer.subarray(0, length) };
}

/** Opens and reads a regular file. */
export async function readOrdinaryFile(
  path: string,
  maxOctets: number,
): Promise<OrdinaryFile | NoFile> {
  const opened = await openOrdinaryFile(path);
  if (opened.kind !== "open") return opened;
  await using file = opened;
  return await readOpenFile(file, maxOctets);
}
