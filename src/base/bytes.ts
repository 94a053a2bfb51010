import { timingSafeEqual } from "node:crypto";

/** Equality that takes the same time wherever the difference is; different lengths are unequal. */
export function equalBytes(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b);
}

/** A `Buffer` over the same memory, for its search and text methods. */
export function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bytes from text, as UTF-8. */
export function utf8(text: string): Uint8Array {
  return Buffer.from(text, "utf8");
}

/** Octets as lower-case hexadecimal digits. */
export function hex(bytes: Uint8Array): string {
  return asBuffer(bytes).toString("hex");
}
