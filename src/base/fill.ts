/** What is needed of a file of `node:fs/promises`. */
type Readable = {
  readonly read: (
    into: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ) => Promise<{ readonly bytesRead: number }>;
};

/** Maximum number of octets that one call of the system reads, so that no thread of Node is held for long. */
const SLICE_OCTETS = 1024 * 1024;

/**
 * Fills octets from a position of a file on. A file may give fewer octets than it is asked for, also before its end.
 * @returns how many octets there were: fewer only at the end of the file. @throws Error of the system
 */
export async function fill(file: Readable, octets: Uint8Array, position: number): Promise<number> {
  let filled = 0;
  while (filled < octets.length) {
    const length = Math.min(SLICE_OCTETS, octets.length - filled);
    const { bytesRead } = await file.read(octets, filled, length, position + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return filled;
}
