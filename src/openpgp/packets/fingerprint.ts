import type { Brand } from "../../base/brand.ts";

/** The full fingerprint of a primary key or subkey: upper-case hex, 40 digits (v4) or 64 (v6) (RFC 9580 §5.5.4). */
export type Fingerprint = Brand<string, "Fingerprint">;

/** 64 bits of a fingerprint, 16 upper-case hex digits. It can be forged: a hint where to look, never a proof. */
export type KeyId = Brand<string, "KeyId">;

/** Hex of either case, with or without `0x`; undefined when it is not 40 or 64 digits. */
export function parseFingerprint(text: string): Fingerprint | undefined {
  const hex = withoutPrefix(text);
  return /^(?:[0-9A-F]{40}|[0-9A-F]{64})$/.test(hex) ? (hex as Fingerprint) : undefined;
}

/** Hex of either case, with or without `0x`; undefined when it is not 16 digits (32-bit ids are refused). */
export function parseKeyId(text: string): KeyId | undefined {
  const hex = withoutPrefix(text);
  return /^[0-9A-F]{16}$/.test(hex) ? (hex as KeyId) : undefined;
}

/** The key ID: the last 64 bits of a v4 fingerprint, the first 64 bits of a v6 one (RFC 9580 §5.5.4). */
export function keyIdOf(fingerprint: Fingerprint): KeyId {
  return (fingerprint.length === 40 ? fingerprint.slice(-16) : fingerprint.slice(0, 16)) as KeyId;
}

/** A fingerprint from its octets; undefined when they are not 20 or 32. */
export function fingerprintOfBytes(bytes: Uint8Array): Fingerprint | undefined {
  return parseFingerprint(Buffer.from(bytes).toString("hex"));
}

function withoutPrefix(text: string): string {
  return (/^0x/i.test(text) ? text.slice(2) : text).toUpperCase();
}
