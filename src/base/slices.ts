import { setImmediate } from "node:timers/promises";

const SLICE_OCTETS = 256 * 1024;
/** The event loop gets a turn after so much work: a few milliseconds. */
const OCTETS_PER_TURN = 1024 * 1024;
/** However small a slice is, it costs as much as so many octets. */
const LEAST_COST = 4 * 1024;

/**
 * Does something with bytes slice by slice, in order, without keeping the event loop for long. Slices are of 256 KiB
 * unless told otherwise.
 */
export async function eachSlice(
  bytes: Uint8Array,
  act: (slice: Uint8Array) => void,
  octets = SLICE_OCTETS,
): Promise<void> {
  let cost = 0;
  for (let start = 0; start < bytes.length; start += octets) {
    act(bytes.subarray(start, Math.min(start + octets, bytes.length)));
    cost += Math.max(octets, LEAST_COST);
    if (cost < OCTETS_PER_TURN || start + octets >= bytes.length) continue;
    cost = 0;
    await setImmediate();
  }
}
