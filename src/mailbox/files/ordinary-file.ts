import { constants, open } from "node:fs/promises";

import { codeOf } from "../../base/errors.ts";

/** What became of a file that somebody else may have put there. */
export type OrdinaryFile =
  | { readonly kind: "read"; readonly bytes: Uint8Array }
  | { readonly kind: "absent" }
  /** A link, a pipe, a device, a folder, or nothing that may be read. */
  | { readonly kind: "unreadable" }
  | { readonly kind: "too-large" };

/** Reads regular files alone, and never through a link: a pipe would wait for ever, and a device would never end. */
export async function readOrdinaryFile(path: string, mostOctets: number): Promise<OrdinaryFile> {
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const opened = await open(path, flags).catch((error: unknown) =>
    codeOf(error) === "ENOENT" ? "absent" : "unreadable",
  );
  if (typeof opened === "string") return { kind: opened };
  await using file = opened;
  const stats = await file.stat();
  if (!stats.isFile()) return { kind: "unreadable" };
  // The file may grow while it is read.
  const buffer = Buffer.alloc(Math.min(stats.size, mostOctets) + 1);
  let length = 0;
  while (length < buffer.length) {
    const { bytesRead } = await file.read(buffer, length, buffer.length - length, length);
    if (bytesRead === 0) break;
    length += bytesRead;
  }
  return length > mostOctets
    ? { kind: "too-large" }
    : { kind: "read", bytes: buffer.subarray(0, length) };
}
