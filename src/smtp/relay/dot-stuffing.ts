import { asBuffer } from "../../base/bytes.ts";

/** Maximum length of what is written at once. */
const SLICE_OCTETS = 64 * 1024;

/**
 * A message as it follows DATA (RFC 5321 §4.5.2). Each line that begins with a dot gets another. The last line gets the
 * line end that it may lack, and a lone dot ends the whole. `data-lines.ts` reads it.
 */
export function* dotStuffed(message: Uint8Array): Generator<Uint8Array> {
  const bytes = asBuffer(message);
  const dot = Buffer.from(".");
  if (bytes[0] === 0x2e) yield dot;
  let start = 0;
  while (start < bytes.length) {
    const found = bytes.indexOf("\n.", start, "latin1");
    const end = found < 0 ? bytes.length : found + 1;
    for (let at = start; at < end; at += SLICE_OCTETS) {
      yield bytes.subarray(at, Math.min(at + SLICE_OCTETS, end));
    }
    if (found >= 0) yield dot;
    start = end;
  }
  const isComplete = bytes.length === 0 || bytes.at(-1) === 0x0a;
  yield Buffer.from(isComplete ? ".\r\n" : "\r\n.\r\n");
}
