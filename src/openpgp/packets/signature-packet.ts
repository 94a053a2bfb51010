import { asBuffer } from "../../base/bytes.ts";
import { SECOND, after, fromUnixSeconds } from "../../base/time.ts";
import { HASHES, WEAK_HASHES } from "./algorithms.ts";
import { type Cursor, bigEndian, cursorOver } from "./cursor.ts";
import { Damaged } from "./damaged.ts";
import { type Fingerprint, type KeyId, fingerprintOfBytes, parseKeyId } from "./fingerprint.ts";
import { readLength } from "./packet.ts";

/** Subpackets of message signatures (RFC 9580 §5.2.3.7). */
export const SUBPACKET = {
  created: 2,
  expires: 3,
  issuerKeyId: 16,
  notation: 20,
  policyUri: 26,
  signerUserId: 28,
  issuer: 33,
  intendedRecipient: 35,
} as const;

/** What may be critical (RFC 9580 §5.2.3.7), as we do what it asks. We know no notation, so a critical one fails. */
const UNDERSTOOD: ReadonlySet<number> = new Set([
  SUBPACKET.created,
  SUBPACKET.expires,
  SUBPACKET.issuerKeyId,
  SUBPACKET.policyUri,
  SUBPACKET.signerUserId,
  SUBPACKET.issuer,
  SUBPACKET.intendedRecipient,
]);

/** A signature packet's body, taken apart (RFC 9580 §5.2.3). */
export type SignaturePacket = {
  readonly version: 4 | 6;
  readonly type: number;
  readonly keyAlgorithm: number;
  readonly hashAlgorithm: number;
  /** Undefined: there is none, or not exactly one, in the hashed area. */
  readonly created: Date | undefined;
  readonly expires: Date | undefined;
  readonly issuer: Fingerprint | undefined;
  readonly issuerKeyId: KeyId | undefined;
  readonly intended: readonly Fingerprint[];
  /** Why the hashed area makes the signature invalid, if it does. */
  readonly refusal: string | undefined;
  readonly salt: Buffer;
  /** The octets from the version to the end of the hashed area: they are signed. */
  readonly hashedPart: Buffer;
  /** The algorithm's own part. */
  readonly value: Buffer;
};

type Subpacket = { readonly type: number; readonly isCritical: boolean; readonly body: Buffer };

/** Enough for 60 intended recipients and more. */
const MAX_SUBPACKETS = 200;

/** @throws Damaged also for other versions than 4 and 6. */
export function readSignaturePacket(body: Uint8Array): SignaturePacket {
  const bytes = asBuffer(body);
  const cursor = cursorOver(bytes);
  const version = cursor.octet();
  if (version !== 4 && version !== 6) throw new Damaged("a signature of another version");
  const [type, keyAlgorithm, hashAlgorithm] = [cursor.octet(), cursor.octet(), cursor.octet()];
  const hashed = readArea(cursor, version);
  const hashedPart = bytes.subarray(0, bytes.length - cursor.left());
  const unhashed = readArea(cursor, version);
  // The first two octets of the hash: a shortcut that proves nothing.
  cursor.take(2);
  const salt = version === 6 ? cursor.take(cursor.octet()) : Buffer.alloc(0);
  const created = createdIn(hashed);
  return {
    version,
    type,
    keyAlgorithm,
    hashAlgorithm,
    created,
    expires: created && expiryIn(hashed, created),
    ...issuerIn(hashed, unhashed),
    intended: bodiesOf(hashed, SUBPACKET.intendedRecipient).flatMap(
      (each) => versionedFingerprint(each) ?? [],
    ),
    refusal: refusalIn(hashed),
    salt,
    hashedPart,
    value: cursor.rest(),
  };
}

/** The last subpacket of a type in the hashed area of a signature of any kind. @throws Damaged */
export function hashedSubpacket(body: Uint8Array, type: number): Buffer | undefined {
  const cursor = cursorOver(body);
  const version = cursor.octet();
  if (version !== 4 && version !== 6) throw new Damaged("a signature of another version");
  cursor.take(3);
  return bodiesOf(readArea(cursor, version), type).at(-1);
}

/** What is hashed after the document: the signature itself up to its hashed area, and its size (RFC 9580 §5.2.4). */
export function trailerOf(version: 4 | 6, hashedPart: Uint8Array): Buffer {
  return Buffer.concat([hashedPart, Buffer.of(version, 0xff), bigEndian(hashedPart.length, 4)]);
}

/** The name of a hash as in `micalg`. */
export function hashNameOf(algorithm: number): string {
  return HASHES.get(algorithm)?.name ?? WEAK_HASHES.get(algorithm) ?? "unknown";
}

function readArea(cursor: Cursor, version: 4 | 6): readonly Subpacket[] {
  const area = cursorOver(cursor.take(cursor.number(version === 4 ? 2 : 4)));
  const subpackets: Subpacket[] = [];
  while (area.left() > 0) {
    if (subpackets.length === MAX_SUBPACKETS) throw new Damaged("too many subpackets");
    const content = cursorOver(area.take(readLength(area, area.octet())));
    const type = content.octet();
    subpackets.push({ type: type & 0x7f, isCritical: type >= 0x80, body: content.rest() });
  }
  return subpackets;
}

function bodiesOf(subpackets: readonly Subpacket[], type: number): readonly Buffer[] {
  return subpackets.filter((each) => each.type === type).map(({ body }) => body);
}

function createdIn(hashed: readonly Subpacket[]): Date | undefined {
  const [body, ...more] = bodiesOf(hashed, SUBPACKET.created);
  return body?.length === 4 && more.length === 0 ? fromUnixSeconds(body.readUInt32BE()) : undefined;
}

/** RFC 9580 §5.2.3.18: seconds after the creation; 0 is never. What cannot be read has expired. */
function expiryIn(hashed: readonly Subpacket[], created: Date): Date | undefined {
  const times = bodiesOf(hashed, SUBPACKET.expires).map((body) =>
    body.length === 4 ? body.readUInt32BE() : 1,
  );
  const seconds = times.filter((each) => each !== 0);
  return seconds.length === 0 ? undefined : after(created, Math.min(...seconds) * SECOND);
}

/** The issuer only says where to look: what is hashed has precedence over what is not. */
function issuerIn(
  hashed: readonly Subpacket[],
  unhashed: readonly Subpacket[],
): Pick<SignaturePacket, "issuer" | "issuerKeyId"> {
  const all = [...hashed, ...unhashed];
  const issuer = bodiesOf(all, SUBPACKET.issuer)[0];
  const keyId = bodiesOf(all, SUBPACKET.issuerKeyId)[0];
  return {
    issuer: issuer && versionedFingerprint(issuer),
    issuerKeyId: keyId && parseKeyId(keyId.toString("hex")),
  };
}

/** A key version and the fingerprint of that version (RFC 9580 §5.2.3.35, §5.2.3.36). */
function versionedFingerprint(body: Buffer): Fingerprint | undefined {
  const isKnown = (body[0] === 4 && body.length === 21) || (body[0] === 6 && body.length === 33);
  return isKnown ? fingerprintOfBytes(body.subarray(1)) : undefined;
}

function refusalIn(hashed: readonly Subpacket[]): string | undefined {
  const unknown = hashed.find(({ type, isCritical }) => isCritical && !UNDERSTOOD.has(type));
  if (unknown !== undefined) {
    return unknown.type === SUBPACKET.notation
      ? "a critical notation that is not known"
      : "a critical subpacket that is not known";
  }
  const isBad = bodiesOf(hashed, SUBPACKET.intendedRecipient).some(
    (body) => versionedFingerprint(body) === undefined,
  );
  return isBad ? "an intended recipient that cannot be read" : undefined;
}
