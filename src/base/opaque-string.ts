/**
 * Passwords and passphrases are compared by their octets, and one password has several: keyboards and systems write a letter
 * with its accent as one character or as two, and old programs wrote ISO 8859-1. RFC 8265 §4.2 (OpaqueString) says in which
 * form a password is kept. Other programs kept the passphrase of a key as it was typed: the other forms are tried too.
 *
 * Strings cannot be wiped. So none is made of ASCII: only what is beyond it, with the letter before, goes through one.
 */
import { isUtf8 } from "node:buffer";

import { asBuffer } from "./bytes.ts";
import { fixedBytes, fixedCopy } from "./secret.ts";

/** The form in which a login password is kept and compared. A copy, to be wiped. */
export function passwordForm(typed: Uint8Array): Uint8Array {
  const text = asUtf8(typed);
  const kept = opaque(text);
  text.fill(0);
  return kept;
}

/** The forms that the passphrase of a key may have, as it was typed first. Copies, to be wiped. */
export function passphraseForms(typed: Uint8Array): readonly Uint8Array[] {
  const text = asUtf8(typed);
  const kept = opaque(text);
  const latin1 = asLatin1(kept);
  const forms = [
    fixedCopy(typed),
    kept,
    decomposed(kept),
    ...(latin1 === undefined ? [] : [latin1]),
  ];
  return distinct(forms, [text]);
}

/** RFC 8265 §4.2.2: blanks become the common one, and the text NFC. Case and width stay. */
function opaque(text: Uint8Array): Uint8Array {
  return mapped(text, (piece) => piece.replace(/\p{Zs}/gu, " ").normalize("NFC"));
}

function decomposed(text: Uint8Array): Uint8Array {
  return mapped(text, (piece) => piece.normalize("NFD"));
}

/** What is no UTF-8 is read as ISO 8859-1. */
function asUtf8(octets: Uint8Array): Uint8Array {
  if (isUtf8(octets)) return fixedCopy(octets);
  const text = fixedBytes(2 * octets.length);
  let end = 0;
  for (const octet of octets) {
    if (octet >= FIRST_BEYOND) text[end++] = 0xc0 | (octet >> 6);
    text[end++] = octet < FIRST_BEYOND ? octet : 0x80 | (octet & 0x3f);
  }
  const copy = fixedCopy(text.subarray(0, end));
  text.fill(0);
  return copy;
}

/** Undefined where a character is beyond ISO 8859-1. */
function asLatin1(text: Uint8Array): Uint8Array | undefined {
  const octets = fixedBytes(text.length);
  let end = 0;
  for (let at = 0; at < text.length; at += 1) {
    const octet = text[at] ?? 0;
    // Two octets of UTF-8, of U+0080 to U+00FF.
    const isPair = octet === 0xc2 || octet === 0xc3;
    if (octet >= FIRST_BEYOND && !isPair) {
      octets.fill(0);
      return undefined;
    }
    if (isPair) at += 1;
    octets[end++] = isPair ? ((octet & 0x03) << 6) | ((text[at] ?? 0) & 0x3f) : octet;
  }
  const copy = fixedCopy(octets.subarray(0, end));
  octets.fill(0);
  return copy;
}

const FIRST_BEYOND = 0x80;

/** Changes a text piece by piece: an ASCII letter with what is beyond ASCII behind it. No letter of ASCII joins one before. */
function mapped(text: Uint8Array, change: (piece: string) => string): Uint8Array {
  const pieces: Uint8Array[] = [];
  for (let start = 0, at = 1; at <= text.length; at += 1) {
    if (at < text.length && (text[at] ?? 0) >= FIRST_BEYOND) continue;
    const piece = text.subarray(start, at);
    const isAscii = piece.length === 1 && (piece[0] ?? 0) < FIRST_BEYOND;
    pieces.push(isAscii ? piece : Buffer.from(change(asBuffer(piece).toString("utf8"))));
    start = at;
  }
  const whole = fixedBytes(pieces.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const piece of pieces) {
    whole.set(piece, end);
    end += piece.length;
    if (piece.buffer !== text.buffer) piece.fill(0);
  }
  return whole;
}

/** Each once; those that stand there twice, and what is `done` with, are wiped. */
function distinct(
  forms: readonly Uint8Array[],
  done: readonly Uint8Array[],
): readonly Uint8Array[] {
  const kept: Uint8Array[] = [];
  for (const form of forms) {
    if (kept.some((each) => asBuffer(each).equals(form))) form.fill(0);
    else kept.push(form);
  }
  for (const each of done) each.fill(0);
  return kept;
}
