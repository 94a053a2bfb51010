/** Base64 (RFC 4648 §4) from octets to octets: no string is made of it on the way, since a string cannot be wiped. */

import { asBuffer } from "./bytes.ts";
import { fixedBytes } from "./secret.ts";

const ALPHABET = Buffer.from("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/");
const PAD = 61;

/** The octets, in memory of their own; undefined when it is no base64. Missing padding is forgiven. */
export function decodeBase64(text: Uint8Array): Buffer | undefined {
  let end = text.length;
  while (end > 0 && text.length - end < 2 && text[end - 1] === PAD) end -= 1;
  const octets = asBuffer(fixedBytes(Math.floor((end * 3) / 4)));
  let [bits, held, at] = [0, 0, 0];
  for (const digit of text.subarray(0, end)) {
    const value = ALPHABET.indexOf(digit);
    if (value === -1) {
      octets.fill(0);
      return undefined;
    }
    held = ((held << 6) | value) & 0xffff;
    bits += 6;
    if (bits < 8) continue;
    bits -= 8;
    octets[at] = (held >> bits) & 0xff;
    at += 1;
  }
  return octets;
}
