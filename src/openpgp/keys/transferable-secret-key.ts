import { asBuffer } from "../../base/bytes.ts";
import type { ImportRefusal } from "../certificates/import-refusal.ts";
import { isBinary, readArmoredBlocks } from "../packets/armored-blocks.ts";
import {
  type CertificateParts,
  TAG,
  groupPackets,
  revocationsIn,
} from "../packets/certificate-parts.ts";
import { type Cursor, cursorOver } from "../packets/cursor.ts";
import { Damaged } from "../packets/damaged.ts";
import { type KeyPacket, readKeyPackets } from "../packets/key-packets.ts";
import type { KeySignature } from "../packets/key-signature.ts";
import { placementBudget } from "../packets/placement.ts";

/** A transferable secret key, taken apart and not judged (RFC 9580 §10.2). */
export type TransferableSecretKey = {
  /** Those of its certificate. */
  readonly parts: CertificateParts;
  /** The secret part for the body of a public key packet; undefined when there is none. */
  readonly secretFor: (publicBody: Uint8Array) => SecretPacket | undefined;
};

/** A secret key packet: its type, and what follows the public part. */
export type SecretPacket = { readonly tag: number; readonly secret: Uint8Array };

const MAX_OCTETS = 256 * 1024;
const MAX_PACKETS = 500;

/** Reads exactly one secret key, armored or binary, of at most 256 KiB and 500 packets. Beside it may stand certificates. */
export function readTransferableSecretKey(
  input: Uint8Array,
): TransferableSecretKey | ImportRefusal {
  if (input.length > MAX_OCTETS) return "too-large";
  const blocks = blocksOf(input);
  if (typeof blocks === "string") return blocks;
  const read = readKeyPackets(blocks.secret, MAX_PACKETS);
  if (read.kind === "malformed") {
    return read.reason === "too-many-packets" ? "too-large" : "malformed";
  }
  const packets = read.packets.filter(({ tag }) => !IGNORED.has(tag) && tag < FIRST_NOT_CRITICAL);
  const refusal = refusalOf(packets);
  if (refusal !== undefined) return refusal;
  return takeApart(packets, blocks.beside.flatMap(revocationsOf));
}

/** The octets of the secret key, and the blocks that stand beside it. */
type Blocks = { readonly secret: Uint8Array; readonly beside: readonly Uint8Array[] };

function blocksOf(input: Uint8Array): Blocks | ImportRefusal {
  if (isBinary(input)) return { secret: input, beside: [] };
  const blocks = readArmoredBlocks(input) ?? [];
  const [secret, ...others] = blocks.filter(({ label }) => label === "PRIVATE KEY BLOCK");
  if (secret !== undefined) {
    if (others.length > 0) return "not-one-key";
    const beside = blocks.filter((block) => block !== secret).map(({ data }) => data);
    return { secret: secret.data, beside };
  }
  const isPublic = blocks.some(({ label }) => label === "PUBLIC KEY BLOCK");
  return isPublic ? "no-secret-part" : "malformed";
}

/** Packet types from here to 63 may be skipped (RFC 9580 §4.3). */
const FIRST_NOT_CRITICAL = 40;
const IGNORED: ReadonlySet<number> = new Set([TAG.marker, TAG.trust, TAG.padding]);
const PRIMARIES: ReadonlySet<number> = new Set([TAG.secretKey, TAG.publicKey]);
const EXPECTED: ReadonlySet<number> = new Set([
  ...PRIMARIES,
  TAG.signature,
  TAG.secretSubkey,
  TAG.publicSubkey,
  TAG.userId,
  TAG.userAttribute,
]);

function refusalOf(packets: readonly KeyPacket[]): ImportRefusal | undefined {
  const first = packets[0]?.tag;
  if (first === undefined || !PRIMARIES.has(first)) return "malformed";
  if (packets.some(({ tag }) => !EXPECTED.has(tag))) return "malformed";
  if (packets.filter(({ tag }) => PRIMARIES.has(tag)).length > 1) return "not-one-key";
  return first === TAG.publicKey ? "no-secret-part" : undefined;
}

/** The revocations in a block that stands beside a secret key: they count wherever they stand. */
function revocationsOf(block: Uint8Array): readonly KeySignature[] {
  const read = readKeyPackets(block, MAX_PACKETS);
  return read.kind === "read" ? revocationsIn(read.packets) : [];
}

function takeApart(
  packets: readonly KeyPacket[],
  beside: readonly KeySignature[],
): TransferableSecretKey | ImportRefusal {
  const secrets = new Map<string, SecretPacket>();
  const publicPackets: KeyPacket[] = [];
  for (const packet of packets) {
    const publicTag = PUBLIC_TAGS.get(packet.tag);
    const length = publicTag === undefined ? undefined : publicOctetsOf(packet.body);
    if (length === "truncated") return "malformed";
    const body = packet.body.subarray(0, length);
    if (length !== undefined) {
      secrets.set(hex(body), { tag: packet.tag, secret: packet.body.subarray(length) });
    }
    publicPackets.push({ tag: publicTag ?? packet.tag, body });
  }
  const [primary] = publicPackets;
  const version = primary?.body[0];
  if (version !== 4 && version !== 6) return "unsupported-version";
  // Where its public part ends is not known for what we do not know.
  if (primary === undefined || !secrets.has(hex(primary.body))) return "unsupported-algorithm";
  const parts = groupPackets(publicPackets, {
    elsewhere: beside,
    budget: placementBudget(),
  });
  return parts === undefined
    ? "malformed"
    : { parts, secretFor: (publicBody) => secrets.get(hex(publicBody)) };
}

const PUBLIC_TAGS: ReadonlyMap<number, number> = new Map([
  [TAG.secretKey, TAG.publicKey],
  [TAG.secretSubkey, TAG.publicSubkey],
]);

const hex = (bytes: Uint8Array): string => asBuffer(bytes).toString("hex");

/** The size of the public part of a secret key packet; undefined for versions and algorithms that we do not know. */
function publicOctetsOf(body: Uint8Array): number | "truncated" | undefined {
  const cursor = cursorOver(body);
  try {
    const version = cursor.octet();
    if (version !== 4 && version !== 6) return undefined;
    cursor.take(4);
    const algorithm = cursor.octet();
    if (version === 6) cursor.take(cursor.number(4));
    else if (!skipMaterial(cursor, algorithm)) return undefined;
    return body.length - cursor.left();
  } catch (error) {
    if (error instanceof Damaged) return "truncated";
    throw error;
  }
}

/** Integers in the public part (RFC 9580 §5.5.5.1, §5.5.5.2, and ElGamal), and octets (§5.5.5.7 to §5.5.5.10). */
const INTEGERS: ReadonlyMap<number, number> = new Map([
  [1, 2],
  [2, 2],
  [3, 2],
  [16, 3],
  [17, 4],
  [20, 3],
]);
const OCTETS: ReadonlyMap<number, number> = new Map([
  [25, 32],
  [26, 56],
  [27, 32],
  [28, 57],
]);
const ECDH = 18;
const ECDSA = 19;
const EDDSA_LEGACY = 22;

/** @throws Damaged */
function skipMaterial(cursor: Cursor, algorithm: number): boolean {
  const integers = INTEGERS.get(algorithm);
  const octets = OCTETS.get(algorithm);
  if (integers !== undefined) {
    for (let left = integers; left > 0; left -= 1) cursor.integer();
  } else if (octets !== undefined) {
    cursor.take(octets);
  } else if (algorithm === ECDH || algorithm === ECDSA || algorithm === EDDSA_LEGACY) {
    // OID, point, and for ECDH what its key is derived with.
    cursor.take(cursor.octet());
    cursor.integer();
    if (algorithm === ECDH) cursor.take(cursor.octet());
  } else {
    return false;
  }
  return true;
}
