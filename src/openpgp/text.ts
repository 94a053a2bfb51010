import { asBuffer } from "../base/bytes.ts";

const CR = 0x0d;
const LF = 0x0a;

/** Text with CRLF for each line end, over which text signatures are made (RFC 9580 §5.2.1.2). */
export function toCanonicalText(data: Uint8Array): Uint8Array {
  const bytes = asBuffer(data);
  const bare: number[] = [];
  for (let at = bytes.indexOf(LF); at >= 0; at = bytes.indexOf(LF, at + 1)) {
    if (bytes[at - 1] !== CR) bare.push(at);
  }
  if (bare.length === 0) return data;
  const output = Buffer.alloc(bytes.length + bare.length);
  let from = 0;
  let end = 0;
  for (const at of bare) {
    end += bytes.copy(output, end, from, at);
    output[end] = CR;
    end += 1;
    from = at;
  }
  bytes.copy(output, end, from);
  return output;
}
