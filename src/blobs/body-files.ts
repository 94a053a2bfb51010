/**
 * Files of bodies: `ab/abcd…`, in one of 256 subfolders. A file gets its name when all of it is on the disk. The work is done
 * slice by slice in Node's own threads, so that the event loop is free.
 */
import { mkdir, open, rename, rm, stat, unlink, type FileHandle } from "node:fs/promises";
import { dirname, join } from "node:path";

import { codeOf } from "../base/errors.ts";
import { fill } from "../base/fill.ts";
import { newOctets, octetStringsIn, type Octets } from "../base/large-octets.ts";

/** The user of Sealpost alone may read bodies. */
const FILE_MODE = 0o600;
/** The same user alone may see how many there are. */
export const FOLDER_MODE = 0o700;
const SLICE_OCTETS = 1024 * 1024;

/** A file that has not all of its octets yet ends like this. */
const UNFINISHED = ".new";
const FILE = /^([0-9a-f]{2})[0-9a-f]{6}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Where the file of a blob is. */
export function fileOf(folder: string, id: string): string {
  return join(folder, id.slice(0, 2), id);
}

/** The blob whose file this is, or whose unfinished file; undefined for a file that is not ours. */
export function blobOf(
  subfolder: string,
  file: string,
): { readonly id: string; readonly isFinished: boolean } | undefined {
  const isFinished = !file.endsWith(UNFINISHED);
  const id = isFinished ? file : file.slice(0, -UNFINISHED.length);
  return FILE.exec(id)?.[1] === subfolder ? { id, isFinished } : undefined;
}

/** All names that subfolders have. */
export const SUBFOLDERS: readonly string[] = Array.from({ length: 256 }, (_, at) =>
  at.toString(16).padStart(2, "0"),
);

/** Whether a name is that of a subfolder. */
export function isSubfolder(name: string): boolean {
  return /^[0-9a-f]{2}$/.test(name);
}

/**
 * Writes a new file, which is durable when this returns; its subfolder is there.
 * @throws Error of the system, and then leaves nothing unless it cannot delete either.
 */
export async function writeBody(file: string, octets: Octets): Promise<void> {
  const unfinished = `${file}${UNFINISHED}`;
  try {
    await using handle = await open(unfinished, "wx", FILE_MODE);
    for (const part of octetStringsIn(octets)) await writeAll(handle, part);
    await handle.sync();
  } catch (error) {
    await rm(unfinished, { force: true }).catch(() => undefined);
    throw error;
  }
  await rename(unfinished, file);
  await syncFolder(dirname(file));
}

async function writeAll(handle: FileHandle, octets: Uint8Array): Promise<void> {
  for (let at = 0; at < octets.length;) {
    const length = Math.min(SLICE_OCTETS, octets.length - at);
    at += (await handle.write(octets, at, length)).bytesWritten;
  }
}

/** The octets of a file if it has as many as it should have; else how many it has; undefined: there is no file. */
export async function readBody(
  file: string,
  sizeBytes: number,
): Promise<Uint8Array | { readonly sizeBytes: number } | undefined> {
  const opened = await unlessMissing(open(file, "r"));
  if (opened === undefined) return undefined;
  await using handle = opened;
  const { size } = await handle.stat();
  if (size !== sizeBytes) return { sizeBytes: size };
  const octets = newOctets(size);
  const filled = await fill(handle, octets, 0);
  return filled < size ? { sizeBytes: filled } : octets;
}

/** How long a file is and when it was written; undefined: there is none. */
export async function lookAt(
  file: string,
): Promise<{ readonly sizeBytes: number; readonly writtenAt: Date } | undefined> {
  const found = await unlessMissing(stat(file));
  return found && { sizeBytes: found.size, writtenAt: found.mtime };
}

/** Deletes a file; one that somebody else deleted is deleted. */
export async function deleteBody(file: string): Promise<void> {
  await unlessMissing(unlink(file));
}

/**
 * Makes the subfolders of a folder when they are needed, and sees that they outlive a crash. Another process may have made
 * one and not synced it yet, so each process syncs what is above it once.
 */
export function subfolderMaker(folder: string): (subfolder: string) => Promise<void> {
  const made = new Map<string, Promise<void>>();
  return async (subfolder) => {
    const known = made.get(subfolder);
    if (known !== undefined) return known;
    const making = makeFolder(join(folder, subfolder));
    made.set(subfolder, making);
    // It may be possible at the next try.
    making.catch(() => made.delete(subfolder));
    return making;
  };
}

async function makeFolder(path: string): Promise<void> {
  const first = await mkdir(path, { recursive: true, mode: FOLDER_MODE });
  const folder = dirname(path);
  await syncFolder(folder);
  // What is above the folder may belong to somebody else.
  await syncFolder(dirname(folder)).catch(() => undefined);
  const top = dirname(first ?? path);
  for (let above = dirname(folder); above.length > top.length;) {
    above = dirname(above);
    await syncFolder(above).catch(() => undefined);
  }
}

/** What was made, renamed or deleted in a folder is durable when this returns. */
export async function syncFolder(path: string): Promise<void> {
  await using handle = await open(path, "r");
  await handle.sync();
}

/** What a call of the system gives; undefined when what it is about is not there. */
export async function unlessMissing<Value>(call: Promise<Value>): Promise<Value | undefined> {
  try {
    return await call;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}
