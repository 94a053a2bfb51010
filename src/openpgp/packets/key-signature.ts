import { asBuffer } from "../../base/bytes.ts";
import { fromUnixSeconds } from "../../base/time.ts";
import { type Fingerprint, type KeyId, fingerprintOfBytes, parseKeyId } from "./fingerprint.ts";

/** Signature types of keys (RFC 9580 §5.2.1). */
export const SIGNATURE_TYPE = {
  certifications: [0x10, 0x11, 0x12, 0x13],
  subkeyBinding: 0x18,
  primaryKeyBinding: 0x19,
  directKey: 0x1f,
  keyRevocation: 0x20,
  subkeyRevocation: 0x28,
  certificationRevocation: 0x30,
} as const;

/** What a signature over a key says. Everything but the issuer and the embedded signature is from the hashed area. */
export type KeySignature = {
  /** The packet's body, as it came. */
  readonly body: Uint8Array;
  /** From the version to the end of the hashed subpackets: what is hashed of the packet itself. */
  readonly hashedPart: Uint8Array;
  /** What follows the unhashed subpackets: two octets of the hash, the salt of v6, the numbers. */
  readonly afterSubpackets: Uint8Array;
  readonly version: 4 | 6;
  readonly type: number;
  readonly keyAlgorithm: number;
  readonly hashAlgorithm: number;
  readonly created: Date;
  /** Seconds after `created`; undefined: never. */
  readonly expiresAfterSeconds: number | undefined;
  /** Seconds after the key's creation; undefined: never. */
  readonly keyExpiresAfterSeconds: number | undefined;
  readonly keyFlags: number | undefined;
  /** Of a certification: its user ID is the primary one (RFC 9580 §5.2.3.27). */
  readonly isPrimaryUserId: boolean;
  readonly features: number | undefined;
  readonly reason: { readonly code: number; readonly text: string } | undefined;
  readonly issuer: Fingerprint | undefined;
  readonly issuerKeyId: KeyId | undefined;
  /** The body of the signature in subpacket 32. */
  readonly embedded: Uint8Array | undefined;
  /** Marked critical and not known to us: the signature is invalid (RFC 9580 §5.2.3.7). */
  readonly hasUnknownCritical: boolean;
};

/** Subpacket types of RFC 9580 §5.2.3.7 that mean something, or safely nothing, to us in a signature over a key. */
const KNOWN = new Set([
  2, 3, 4, 5, 6, 7, 9, 11, 12, 16, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 32, 33, 34, 39,
]);
const NOTATION = 20;

/** A subpacket of a signature (RFC 9580 §5.2.3.7). */
export type Subpacket = {
  readonly type: number;
  readonly isCritical: boolean;
  readonly body: Uint8Array;
};

type ReadSubpacket = Subpacket & { readonly body: Buffer };

/** The subpackets of a signature that `readKeySignature` has read, as they stand. */
export function subpacketsOf({ body, version }: KeySignature): {
  readonly hashed: readonly Subpacket[];
  readonly unhashed: readonly Subpacket[];
} {
  const bytes = asBuffer(body);
  const hashed = readArea(bytes, 4, version);
  const unhashed = hashed && readArea(bytes, hashed.end, version);
  return { hashed: hashed?.subpackets ?? [], unhashed: unhashed?.subpackets ?? [] };
}

/** Reads a signature packet's body; undefined for other versions than 4 and 6 and for what is not well-formed. */
export function readKeySignature(body: Uint8Array): KeySignature | undefined {
  const bytes = asBuffer(body);
  const version = bytes[0];
  if ((version !== 4 && version !== 6) || bytes.length < 8) return undefined;
  const hashed = readArea(bytes, 4, version);
  const unhashed = hashed && readArea(bytes, hashed.end, version);
  if (hashed === undefined || unhashed === undefined || bytes.length < unhashed.end + 2)
    return undefined;
  const created = last(hashed.subpackets, 2);
  if (created?.length !== 4) return undefined;
  return {
    body,
    hashedPart: bytes.subarray(0, hashed.end),
    afterSubpackets: bytes.subarray(unhashed.end),
    version,
    type: bytes.readUInt8(1),
    keyAlgorithm: bytes.readUInt8(2),
    hashAlgorithm: bytes.readUInt8(3),
    created: fromUnixSeconds(created.readUInt32BE()),
    ...saidIn(hashed.subpackets),
    // The issuer and the embedded signature prove themselves: they may stand in the unhashed area.
    ...issuerIn([...unhashed.subpackets, ...hashed.subpackets]),
    embedded: last([...unhashed.subpackets, ...hashed.subpackets], 32),
    hasUnknownCritical: hashed.subpackets.some(
      ({ type, isCritical }) => isCritical && (type === NOTATION || !KNOWN.has(type)),
    ),
  };
}

function saidIn(
  hashed: readonly ReadSubpacket[],
): Pick<
  KeySignature,
  | "expiresAfterSeconds"
  | "keyExpiresAfterSeconds"
  | "keyFlags"
  | "isPrimaryUserId"
  | "features"
  | "reason"
> {
  return {
    expiresAfterSeconds: seconds(last(hashed, 3)),
    keyExpiresAfterSeconds: seconds(last(hashed, 9)),
    keyFlags: last(hashed, 27)?.[0],
    isPrimaryUserId: (last(hashed, 25)?.[0] ?? 0) !== 0,
    features: last(hashed, 30)?.[0],
    reason: reasonIn(last(hashed, 29)),
  };
}

function issuerIn(
  subpackets: readonly ReadSubpacket[],
): Pick<KeySignature, "issuer" | "issuerKeyId"> {
  const issuer = last(subpackets, 33);
  const keyId = last(subpackets, 16);
  return {
    issuer: issuer && fingerprintOfBytes(issuer.subarray(1)),
    issuerKeyId: keyId && parseKeyId(keyId.toString("hex")),
  };
}

function reasonIn(bytes: Buffer | undefined): KeySignature["reason"] {
  const code = bytes?.[0];
  return bytes === undefined || code === undefined
    ? undefined
    : { code, text: bytes.toString("utf8", 1) };
}

function seconds(bytes: Buffer | undefined): number | undefined {
  if (bytes === undefined) return undefined;
  // A time of another length cannot be read: expired at once rather than never.
  const value = bytes.length === 4 ? bytes.readUInt32BE() : 1;
  return value === 0 ? undefined : value;
}

/** Of several subpackets of a type the last counts (RFC 9580 §5.2.3.9). */
function last(subpackets: readonly ReadSubpacket[], type: number): Buffer | undefined {
  return subpackets.findLast((subpacket) => subpacket.type === type)?.body;
}

/** RFC 9580 §5.2.3.7: a length of 2 (v4) or 4 (v6) octets, then subpackets that fill it exactly. */
function readArea(
  bytes: Buffer,
  start: number,
  version: 4 | 6,
): { readonly subpackets: readonly ReadSubpacket[]; readonly end: number } | undefined {
  const lengthSize = version === 4 ? 2 : 4;
  if (bytes.length < start + lengthSize) return undefined;
  const end = start + lengthSize + bytes.readUIntBE(start, lengthSize);
  if (end > bytes.length) return undefined;
  const subpackets: ReadSubpacket[] = [];
  for (let position = start + lengthSize; position < end;) {
    const length = readLength(bytes, position);
    if (length === undefined || length.value === 0) return undefined;
    const bodyEnd = length.end + length.value;
    if (bodyEnd > end) return undefined;
    const type = bytes.readUInt8(length.end);
    subpackets.push({
      type: type & 0x7f,
      isCritical: type >= 0x80,
      body: bytes.subarray(length.end + 1, bodyEnd),
    });
    position = bodyEnd;
  }
  return { subpackets, end };
}

function readLength(
  bytes: Buffer,
  position: number,
): { readonly value: number; readonly end: number } | undefined {
  const first = bytes[position] ?? 0;
  const size = first < 192 ? 1 : first < 255 ? 2 : 5;
  if (position + size > bytes.length) return undefined;
  const value =
    size === 1
      ? first
      : size === 2
        ? ((first - 192) << 8) + bytes.readUInt8(position + 1) + 192
        : bytes.readUInt32BE(position + 1);
  return { value, end: position + size };
}
