/** The few DER types that an X.509 certificate is made of (ITU-T X.690). */

const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  oid: 0x06,
  utf8String: 0x0c,
  sequence: 0x30,
  set: 0x31,
  utcTime: 0x17,
} as const;

function encode(tag: number, content: Uint8Array): Uint8Array {
  return Buffer.concat([Buffer.from([tag, ...lengthOctets(content.length)]), content]);
}

function lengthOctets(length: number): readonly number[] {
  if (length < 0x80) return [length];
  const octets: number[] = [];
  for (let rest = length; rest > 0; rest = Math.floor(rest / 256)) octets.unshift(rest % 256);
  return [0x80 | octets.length, ...octets];
}

export function sequence(...parts: readonly Uint8Array[]): Uint8Array {
  return encode(TAG.sequence, Buffer.concat(parts));
}

export function set(...parts: readonly Uint8Array[]): Uint8Array {
  return encode(TAG.set, Buffer.concat(parts));
}

export function boolean(value: boolean): Uint8Array {
  return encode(TAG.boolean, Buffer.from([value ? 0xff : 0]));
}

/** A non-negative integer from its octets; a zero octet is put before a set top bit. */
export function integer(octets: Uint8Array): Uint8Array {
  const isTopBitSet = ((octets[0] ?? 0) & 0x80) !== 0;
  return encode(TAG.integer, isTopBitSet ? Buffer.concat([Buffer.from([0]), octets]) : octets);
}

export function bitString(octets: Uint8Array, unusedBits = 0): Uint8Array {
  return encode(TAG.bitString, Buffer.concat([Buffer.from([unusedBits]), octets]));
}

export function octetString(octets: Uint8Array): Uint8Array {
  return encode(TAG.octetString, octets);
}

export function utf8String(text: string): Uint8Array {
  return encode(TAG.utf8String, Buffer.from(text));
}

/** A moment before 2050, as certificates write it (RFC 5280 §4.1.2.5). */
export function utcTime(date: Date): Uint8Array {
  const digits = date
    .toISOString()
    .slice(2)
    .replaceAll(/[-:T]|\.\d+/g, "");
  return encode(TAG.utcTime, Buffer.from(digits));
}

/** An object identifier from its dotted form. */
export function oid(dotted: string): Uint8Array {
  const [first = 0, second = 0, ...rest] = dotted.split(".").map(Number);
  return encode(TAG.oid, Buffer.from([first * 40 + second, ...rest.flatMap(base128)]));
}

function base128(value: number): number[] {
  const octets = [value & 0x7f];
  for (let rest = value >> 7; rest > 0; rest >>= 7) octets.unshift((rest & 0x7f) | 0x80);
  return octets;
}

/** A context-specific type `[number]`, constructed unless said otherwise. */
export function tagged(
  number: number,
  content: Uint8Array,
  form: "constructed" | "primitive" = "constructed",
): Uint8Array {
  return encode(0x80 | (form === "constructed" ? 0x20 : 0) | number, content);
}
