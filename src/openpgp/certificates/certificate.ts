/**
 * Certificates: what others may know of a key. They are read here and judged in `acceptance.ts`.
 * `import-certificate.ts` judges those that users bring.
 */
import { hash } from "node:crypto";

import { BoundedMap } from "../../base/bounded-map.ts";
import { type ArmoredBlock, isBinary, readArmoredBlocks } from "../packets/armored-blocks.ts";
import {
  type CertificateParts,
  groupPackets,
  revocationsIn,
  serializeParts,
  TAG,
} from "../packets/certificate-parts.ts";
import type { Fingerprint } from "../packets/fingerprint.ts";
import { type KeyPacket, readKeyPackets } from "../packets/key-packets.ts";
import type { KeySignature } from "../packets/key-signature.ts";
import { placementBudget } from "../packets/placement.ts";

/** A transferable public key (RFC 9580 §10.1), read but not judged: `acceptance.ts` says what it is good for. */
export type Certificate = {
  readonly fingerprint: Fingerprint;
  readonly version: 4 | 6;
  /** Binary transferable public key; user attributes and unreadable signatures are left out. */
  readonly bytes: Uint8Array;
  readonly created: Date;
  readonly userIds: readonly string[];
  readonly subkeyFingerprints: readonly Fingerprint[];
  readonly algorithm: { readonly id: number; readonly name: string; readonly bits: number };
};

/** Why something is not one or several certificates. */
export type MalformedReason =
  | "too-large"
  | "html"
  | "no-certificate"
  | "bad-armor"
  | "truncated"
  | "too-many-packets"
  | "too-many-certificates"
  | "unexpected-packet"
  | "secret-key"
  | "unsupported-version";

/** What reading certificates came to. */
export type ParsedCertificates =
  | { readonly kind: "parsed"; readonly certificates: readonly Certificate[] }
  | { readonly kind: "malformed"; readonly reason: MalformedReason };

/** Far more than an honest certificate has; strangers' ones are refused beyond. */
const MAX_OCTETS = 256 * 1024;
const MAX_CERTIFICATES = 8;
const MAX_PACKETS = 500;

/**
 * Reads one or several certificates, binary or as one or several blocks of ASCII armor. A revocation counts in any place
 * and in any block, also in one that has nothing else. Limits: 256 KiB, 8 certificates,
 * 500 packets. Anything with secret key material is refused as a whole. Nothing in the result is proven.
 */
export async function parseCertificates(input: Uint8Array): Promise<ParsedCertificates> {
  return Promise.resolve(parseOnce(input));
}

/** Of octets that were read already: our own certificates are read for each message. Nothing but the octets decides. */
const PARSED = new BoundedMap<string, ParsedCertificates>({
  entries: 1000,
  weight: 4 * 1024 * 1024,
});

function parseOnce(input: Uint8Array): ParsedCertificates {
  if (input.length > MAX_OCTETS) return malformed("too-large");
  const digest = digestOf(input);
  const known = PARSED.get(digest);
  if (known !== undefined) return known;
  const parsed = parse(input);
  const isKept = parsed.kind === "parsed" && input.length <= MAX_KEPT_OCTETS;
  if (isKept) PARSED.set(digest, parsed, input.length);
  return parsed;
}

/** A thread gives the memory of larger octet strings away with its answer. */
const MAX_KEPT_OCTETS = 16 * 1024;

/** The certificate made of these parts. */
export function certificateOf(parts: CertificateParts): Certificate {
  const { material } = parts.primary;
  return {
    fingerprint: material.fingerprint,
    version: material.version,
    // A copy with memory of its own, which may be handed to a worker.
    bytes: Uint8Array.from(serializeParts(parts)),
    created: material.created,
    userIds: parts.users.map(({ userId }) => userId),
    subkeyFingerprints: parts.subkeys.flatMap((subkey) => subkey.material?.fingerprint ?? []),
    algorithm: material.algorithm,
  };
}

/** Of certificates that were taken apart already: to find the places of signatures is dear. */
const PARTS = new WeakMap<Certificate, CertificateParts>();

/**
 * The same by the hash of their bytes: a thread gets a new object with each message. Parts are what stands in the bytes, so
 * no time and no other certificate can change them; what they are worth is judged at each use.
 */
const BY_DIGEST = new BoundedMap<string, CertificateParts>({
  entries: 1000,
  weight: 4 * 1024 * 1024,
});

/** The parts of a certificate; undefined when its bytes are not those of exactly one. */
export function partsOf(certificate: Certificate): CertificateParts | undefined {
  const kept = PARTS.get(certificate);
  if (kept !== undefined) return kept;
  const parts = partsIn(certificate.bytes);
  if (parts?.primary.material.fingerprint !== certificate.fingerprint) return undefined;
  PARTS.set(certificate, parts);
  return parts;
}

function partsIn(bytes: Uint8Array): CertificateParts | undefined {
  const digest = digestOf(bytes);
  const kept = BY_DIGEST.get(digest);
  if (kept !== undefined) return kept;
  // A copy, so that nobody else can write to what is kept.
  const read = readKeyPackets(Uint8Array.from(bytes), MAX_PACKETS);
  const parts = read.kind === "read" ? groupPackets(read.packets) : undefined;
  if (parts !== undefined) BY_DIGEST.set(digest, parts, bytes.length);
  return parts;
}

/** The name of some octets in memories of what was read from them. */
export function digestOf(bytes: Uint8Array): string {
  return hash("sha256", bytes, "base64url");
}

function parse(input: Uint8Array): ParsedCertificates {
  const binary = binaryOf(input);
  if (typeof binary === "string") return malformed(binary);
  const read = readKeyPackets(binary, MAX_PACKETS);
  if (read.kind === "malformed") return read;
  const { packets } = read;
  const refusal = refusalOf(packets);
  if (refusal !== undefined) return malformed(refusal);
  const groups = splitAtPrimaries(packets.filter(({ tag }) => !IGNORED.has(tag) && tag < 40));
  if (groups.length > MAX_CERTIFICATES) return malformed("too-many-certificates");
  const revocations = revocationsIn(packets);
  const budget = placementBudget();
  const certificates = groups.flatMap((group) => {
    const own = new Set(group.map(({ body }) => body));
    const elsewhere = revocations.filter(({ body }) => !own.has(body));
    const parts = groupPackets(group, { elsewhere, budget });
    return parts === undefined ? [] : takenApart(parts);
  });
  if (budget.octets < 0) return malformed("too-large");
  if (certificates.length === 0) return malformed("unsupported-version");
  return { kind: "parsed", certificates };
}

function takenApart(parts: CertificateParts): Certificate {
  const certificate = certificateOf(parts);
  PARTS.set(certificate, parts);
  return certificate;
}

const malformed = (reason: MalformedReason): ParsedCertificates => ({ kind: "malformed", reason });

/** The octets of all blocks, or the input itself when it is binary, which its first bit says (RFC 9580 §4.2). */
function binaryOf(input: Uint8Array): Uint8Array | MalformedReason {
  const first = input.find((octet) => octet > 0x20);
  if (first === undefined) return "no-certificate";
  if (isBinary(input)) return input;
  if (first === 0x3c) return "html";
  const blocks = readArmoredBlocks(input);
  if (blocks === undefined) return "bad-armor";
  if (blocks.some(({ label }) => label === "PRIVATE KEY BLOCK")) return "secret-key";
  const keys = blocks.filter(({ label }: ArmoredBlock) => label === "PUBLIC KEY BLOCK");
  if (keys.length === 0) return "no-certificate";
  // A detached signature that is no revocation has nothing to do with a certificate.
  const beside = blocks.filter(({ label }) => label === "SIGNATURE").map(({ data }) => data);
  const isWanted = (data: Uint8Array): boolean => bareRevocationsIn(data).length > 0;
  return Buffer.concat([...keys.map(({ data }) => data), ...beside.filter(isWanted)]);
}

/** The revocations in the block of a detached signature; none when it holds anything else. */
function bareRevocationsIn(data: Uint8Array): readonly KeySignature[] {
  const read = readKeyPackets(data, MAX_PACKETS);
  const packets = read.kind === "read" ? read.packets : [];
  const revocations = revocationsIn(packets);
  return revocations.length === packets.length ? revocations : [];
}

const IGNORED: ReadonlySet<number> = new Set([TAG.marker, TAG.trust, TAG.padding]);
const EXPECTED: ReadonlySet<number> = new Set([
  ...IGNORED,
  TAG.signature,
  TAG.publicKey,
  TAG.userId,
  TAG.publicSubkey,
  TAG.userAttribute,
]);

/** Packet types 40 to 63 are not critical and may be skipped, all others not (RFC 9580 §4.3). */
function refusalOf(packets: readonly KeyPacket[]): MalformedReason | undefined {
  if (packets.some(({ tag }) => tag === TAG.secretKey || tag === TAG.secretSubkey))
    return "secret-key";
  if (packets.some(({ tag }) => tag < 40 && !EXPECTED.has(tag))) return "unexpected-packet";
  const considered = packets.filter(({ tag }) => !IGNORED.has(tag) && tag < 40);
  if (considered.length === 0) return "no-certificate";
  const first = considered.findIndex(({ tag }) => tag === TAG.publicKey);
  // Before the first certificate only revocations of it may stand.
  const before = considered.slice(0, Math.max(0, first));
  const isExpected = first !== -1 && revocationsIn(before).length === before.length;
  return isExpected ? undefined : "unexpected-packet";
}

function splitAtPrimaries(packets: readonly KeyPacket[]): readonly (readonly KeyPacket[])[] {
  const starts = packets.flatMap(({ tag }, index) => (tag === TAG.publicKey ? [index] : []));
  return starts.map((start, nth) => packets.slice(start, starts[nth + 1]));
}
