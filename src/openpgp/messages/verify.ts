import { createHash, createVerify, verify } from "node:crypto";

import { equalBytes } from "../../base/bytes.ts";
import { errorText } from "../../base/errors.ts";
import { eachSlice } from "../../base/slices.ts";
import { after } from "../../base/time.ts";
import { type Certificate, partsOf } from "../certificates/certificate.ts";
import { SKEW_MS, isPast } from "../certificates/validity.ts";
import { HASHES, type HashAlgorithm } from "../packets/algorithms.ts";
import { cursorOver, padStart } from "../packets/cursor.ts";
import { attempt } from "../packets/damaged.ts";
import { type Fingerprint, keyIdOf } from "../packets/fingerprint.ts";
import type { KeyMaterial } from "../packets/key-material.ts";
import { type PublicPart, publicKeyOf, readPublicPart } from "../packets/native-key.ts";
import { recoverDigestInfo } from "../packets/rsa.ts";
import {
  type SignaturePacket,
  readSignaturePacket,
  trailerOf,
} from "../packets/signature-packet.ts";
import type { SignatureFacts } from "./signature-facts.ts";
import { eachCanonicalSlice } from "./text.ts";

/** What checking a signature came to. `reason` is for the log and the message's details. */
export type SignatureCheck =
  | { readonly kind: "valid"; readonly keyFingerprint: Fingerprint }
  | { readonly kind: "invalid"; readonly reason: string };

/** Signature types that are made over documents: binary and text (RFC 9580 §5.2.1.1, §5.2.1.2). */
const BINARY = 0x00;
const TEXT = 0x01;

/**
 * Checks the mathematics of a signature over `data` and the rules of its packet: type, hash, critical subpackets,
 * versions, times. Whether the key was good for the sender's address at that time is `checkSigner`'s question. Without
 * `now` a signature that expires is invalid, and one from the future is not noticed.
 */
export async function verifySignature(o: {
  readonly data: Uint8Array;
  readonly signature: SignatureFacts;
  readonly certificate: Certificate;
  readonly now?: Date;
}): Promise<SignatureCheck> {
  const packet = attempt(() => readSignaturePacket(o.signature.packet));
  if (packet instanceof Error) return invalid(packet.message);
  const refusal = refusalOf(packet, o.now);
  if (refusal !== undefined) return invalid(refusal);
  const hash = HASHES.get(packet.hashAlgorithm);
  if (hash === undefined) return invalid("a weak or unknown hash");
  const keys = issuersIn(o.certificate, packet);
  if (keys.length === 0) return invalid("not made by a key of this certificate");
  let answer: SignatureCheck = invalid("no key fits");
  for (const key of keys) {
    answer = await verifyWith(key, packet, hash, o.data);
    if (answer.kind === "valid") return answer;
  }
  return answer;
}

const invalid = (reason: string): SignatureCheck => ({ kind: "invalid", reason });

function refusalOf(packet: SignaturePacket, now: Date | undefined): string | undefined {
  const { type, refusal, issuer, issuerKeyId, version, salt } = packet;
  if (type !== BINARY && type !== TEXT) return "not the signature of a document";
  if (refusal !== undefined) return refusal;
  if (issuer !== undefined && issuerKeyId !== undefined && keyIdOf(issuer) !== issuerKeyId) {
    return "two issuers";
  }
  const saltOctets = version === 6 ? HASHES.get(packet.hashAlgorithm)?.saltOctets : 0;
  if (saltOctets !== undefined && salt.length !== saltOctets) return "a salt of the wrong size";
  return timeRefusalOf(packet, now);
}

function timeRefusalOf(
  { created, expires }: SignaturePacket,
  now: Date | undefined,
): string | undefined {
  if (created === undefined) return "no creation time";
  if (now === undefined) return expires === undefined ? undefined : "it may have expired";
  if (created > after(now, SKEW_MS)) return "made in the future";
  return isPast(expires, now) ? "expired" : undefined;
}

type Issuer = { readonly material: KeyMaterial; readonly body: Uint8Array };

/** The key packets that the signature names, by fingerprint if it gives one. */
function issuersIn(certificate: Certificate, packet: SignaturePacket): readonly Issuer[] {
  const parts = partsOf(certificate);
  if (parts === undefined) return [];
  return [parts.primary, ...parts.subkeys].flatMap(({ material, body }) => {
    if (material === undefined) return [];
    const isNamed =
      packet.issuer === undefined
        ? packet.issuerKeyId === keyIdOf(material.fingerprint)
        : packet.issuer === material.fingerprint;
    return isNamed ? [{ material, body }] : [];
  });
}

async function verifyWith(
  { material, body }: Issuer,
  packet: SignaturePacket,
  hash: HashAlgorithm,
  data: Uint8Array,
): Promise<SignatureCheck> {
  if (material.strength !== "good" || !material.maySign) return invalid("a key that may not sign");
  // A key makes signatures of its own version and algorithm (RFC 9580 §5.2.3).
  if (material.version !== packet.version) return invalid("a signature of another version");
  if (material.algorithm.id !== packet.keyAlgorithm) return invalid("another algorithm");
  if (packet.created === undefined || packet.created < material.created) {
    return invalid("older than its key");
  }
  try {
    const part = readPublicPart(body);
    if (hash.octets < leastDigestOctets(part, packet.keyAlgorithm)) {
      return invalid("a hash that is too weak for the key");
    }
    const isValid = await isMathematicallyValid(part, packet, hash, data);
    return isValid
      ? { kind: "valid", keyFingerprint: material.fingerprint }
      : invalid("it does not verify");
  } catch (error) {
    return invalid(errorText(error));
  }
}

async function isMathematicallyValid(
  part: PublicPart,
  packet: SignaturePacket,
  hash: HashAlgorithm,
  data: Uint8Array,
): Promise<boolean> {
  if (part.kind === "ec") return isEcdsaValid(part, packet, hash, data);
  const hasher = createHash(hash.openssl);
  await feed(hasher, packet, data);
  const digest = hasher.digest();
  const value = cursorOver(packet.value);
  if (part.kind === "rsa") {
    const info = recoverDigestInfo(part, value.integer());
    const expected = Buffer.concat([Buffer.from(hash.digestInfo, "hex"), digest]);
    return value.left() === 0 && equalBytes(info, expected);
  }
  const { octets } = part.curve;
  const isNative = packet.keyAlgorithm === ED25519 || packet.keyAlgorithm === ED448;
  const signature = isNative
    ? value.take(2 * octets)
    : Buffer.concat([padStart(value.integer(), octets), padStart(value.integer(), octets)]);
  return value.left() === 0 && verify(null, digest, publicKeyOf(part), signature);
}

const ED25519 = 27;
const ED448 = 28;

/** How long a digest a key signs at least (RFC 9580 §5.2.3.2 to §5.2.3.5). */
function leastDigestOctets(part: PublicPart, keyAlgorithm: number): number {
  // P-521 signs 512 bits.
  if (part.kind === "ec") return Math.min(part.curve.octets, 64);
  return part.kind === "rsa" ? 0 : keyAlgorithm === ED448 ? 64 : 32;
}

async function isEcdsaValid(
  part: Extract<PublicPart, { kind: "ec" }>,
  packet: SignaturePacket,
  hash: HashAlgorithm,
  data: Uint8Array,
): Promise<boolean> {
  const verifier = createVerify(hash.openssl);
  await feed(verifier, packet, data);
  const value = cursorOver(packet.value);
  const { octets } = part.curve;
  const rs = [padStart(value.integer(), octets), padStart(value.integer(), octets)];
  const key = { key: publicKeyOf(part), dsaEncoding: "ieee-p1363" } as const;
  return value.left() === 0 && verifier.verify(key, Buffer.concat(rs));
}

/** RFC 9580 §5.2.4: the salt of a v6 signature, the document, the trailer. */
async function feed(
  hasher: { readonly update: (bytes: Uint8Array) => unknown },
  packet: SignaturePacket,
  data: Uint8Array,
): Promise<void> {
  const each = packet.type === TEXT ? eachCanonicalSlice : eachSlice;
  hasher.update(packet.salt);
  await each(data, (slice) => {
    hasher.update(slice);
  });
  hasher.update(trailerOf(packet.version, packet.hashedPart));
}
