import { HASHES } from "../packets/algorithms.ts";
import { dearmor } from "../packets/armored-blocks.ts";
import { attempt } from "../packets/damaged.ts";
import type { Fingerprint, KeyId } from "../packets/fingerprint.ts";
import { PACKET, isIgnorable, readPackets } from "../packets/packet.ts";
import { hashNameOf, readSignaturePacket } from "../packets/signature-packet.ts";

/** What a signature of a message says about itself (RFC 9580 §5.2). Nothing in it is proven before `verifySignature`. */
export type SignatureFacts = {
  readonly issuer: Fingerprint | undefined;
  readonly issuerKeyId: KeyId | undefined;
  readonly created: Date | undefined;
  /** Undefined: the signature does not expire. */
  readonly expires: Date | undefined;
  /** The hash as in `micalg`: `sha512`; `unknown` when it cannot be read. */
  readonly hash: string;
  /** Intended Recipient Fingerprints (RFC 9580 §5.2.3.36), from the hashed area alone. */
  readonly intended: readonly Fingerprint[];
  /** A hash that is refused for messages, or a signature that cannot be read. */
  readonly isWeak: boolean;
  /** The body of the signature packet. */
  readonly packet: Uint8Array;
};

/** Maximum number of signatures that a detached signature holds. */
const MAX_SIGNATURES = 8;

/** Reads what a signature packet's body says; a signature that cannot be read has no issuer and is weak. */
export function signatureFacts(body: Uint8Array): SignatureFacts {
  const packet = attempt(() => readSignaturePacket(body));
  if (packet instanceof Error) return unreadableSignature(body);
  const { issuer, issuerKeyId, created, expires, intended, hashAlgorithm } = packet;
  const hash = hashNameOf(hashAlgorithm);
  const isWeak = !HASHES.has(hashAlgorithm);
  return { issuer, issuerKeyId, created, expires, hash, intended, isWeak, packet: ownCopy(body) };
}

/** The facts of a signature that is not to be believed, whatever it says. */
export function unreadableSignature(body: Uint8Array): SignatureFacts {
  return { ...UNREADABLE, packet: ownCopy(body) };
}

/** A view would keep the whole message, and take it along to another thread. */
function ownCopy(body: Uint8Array): Uint8Array {
  return Uint8Array.from(body);
}

const UNREADABLE: Omit<SignatureFacts, "packet"> = {
  issuer: undefined,
  issuerKeyId: undefined,
  created: undefined,
  expires: undefined,
  hash: "unknown",
  intended: [],
  isWeak: true,
};

/** The signatures of a detached signature, armored or binary, at most 8; undefined when it is malformed. */
export function readDetachedSignatures(bytes: Uint8Array): readonly SignatureFacts[] | undefined {
  const armored = dearmor(bytes);
  if (armored.kind === "malformed") return undefined;
  if (armored.kind === "armored" && armored.label !== "SIGNATURE") return undefined;
  const binary = armored.kind === "armored" ? armored.data : bytes;
  const packets = attempt(() => readPackets(binary, 4 * MAX_SIGNATURES));
  if (packets instanceof Error) return undefined;
  const signatures = packets.filter((packet) => !isIgnorable(packet));
  const isMalformed = signatures.some(({ tag }) => tag !== PACKET.signature);
  if (isMalformed || signatures.length === 0 || signatures.length > MAX_SIGNATURES) {
    return undefined;
  }
  return signatures.map(({ body }) => signatureFacts(body));
}
