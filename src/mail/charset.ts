import { isAscii, isUtf8 } from "node:buffer";

import { asBuffer } from "../base/bytes.ts";

/**
 * Text from bytes in a named character set (RFC 2978). Bytes of a name that says nothing or that nobody knows, and octets that
 * US-ASCII does not have, are read as `decodeUnlabelled` does: never lost.
 */
export function decodeCharset(bytes: Uint8Array, charset: string): string {
  const label = charset.trim().toLowerCase();
  if (isAscii(bytes) && isAsciiSuperset(label)) return asBuffer(bytes).toString("latin1");
  if (isAsciiName(label) && isUtf8(bytes)) return asBuffer(bytes).toString("utf8");
  try {
    return new TextDecoder(label === "" ? "latin1" : label, { ignoreBOM: true }).decode(bytes);
  } catch {
    return decodeUnlabelled(bytes);
  }
}

/** US-ASCII, or no name at all. */
export function isAsciiName(charset: string): boolean {
  return /^(?:|us-ascii|ascii|ansi_x3\.4-1968)$/i.test(charset.trim());
}

/** Text from bytes that carry no charset: UTF-8 where they are that, else ISO 8859-1 (RFC 6532 §3.1). */
export function decodeUnlabelled(bytes: Uint8Array): string {
  return isUtf8(bytes) ? asBuffer(bytes).toString("utf8") : asBuffer(bytes).toString("latin1");
}

/** The text in a named character set, or undefined where we cannot write it so. */
export function encodeCharset(text: string, charset: string): Uint8Array | undefined {
  const label = charset.trim().toLowerCase();
  if (label === "utf-8" || label === "utf8") return Buffer.from(text, "utf8");
  if (/^[\0-\x7F]*$/.test(text)) {
    return isAsciiSuperset(label) ? Buffer.from(text, "latin1") : undefined;
  }
  // In both these sets the code points A0 to FF are the bytes of the same number.
  const isLatin1 = /^(?:iso-?8859-1|latin-?1|windows-1252|cp-?1252)$/.test(label);
  return isLatin1 && /^[\0-\x7F\xA0-\xFF]*$/.test(text) ? Buffer.from(text, "latin1") : undefined;
}

/** True when ASCII characters are the same single bytes in that set, and `<` is part of no other character. */
export function isAsciiSuperset(charset: string): boolean {
  return /^(?:|us-ascii|ascii|ansi_x3\.4-1968|utf-?8|iso-?8859-?\d{1,2}(?:-[ie])?|latin-?\d|windows-\d{3,4}|cp-?125\d|koi8-[a-z]{1,2}|euc-(?:jp|kr)|gb2312|macintosh|tis-620|shift_jis|sjis|big5|gbk|gb18030|ks_c_5601-1987)$/i.test(
    charset.trim(),
  );
}
