import { setImmediate } from "node:timers/promises";

import { asBuffer } from "../../base/bytes.ts";

const CR = 0x0d;
const LF = 0x0a;
/** A few milliseconds of work, after which the event loop gets a turn. */
const SLICE_OCTETS = 256 * 1024;

/**
 * Text with CRLF for each line end, over which text signatures are made (RFC 9580 §5.2.1.2), slice by slice: the whole is
 * never in memory twice.
 */
export async function eachCanonicalSlice(
  data: Uint8Array,
  act: (slice: Uint8Array) => void,
): Promise<void> {
  const bytes = asBuffer(data);
  for (let start = 0; start < bytes.length; start += SLICE_OCTETS) {
    if (start > 0) await setImmediate();
    act(canonicalSlice(bytes, start, Math.min(start + SLICE_OCTETS, bytes.length)));
  }
}

function canonicalSlice(bytes: Buffer, start: number, end: number): Uint8Array {
  const slice = bytes.subarray(start, end);
  if (!slice.includes(LF)) return slice;
  const output = Buffer.allocUnsafe(2 * slice.length);
  let length = 0;
  let before = start === 0 ? 0 : bytes[start - 1];
  for (const byte of slice) {
    if (byte === LF && before !== CR) output[length++] = CR;
    output[length++] = byte;
    before = byte;
  }
  return output.subarray(0, length);
}
