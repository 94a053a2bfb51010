import { asBuffer, utf8 } from "../base/bytes.ts";
import { AppError } from "../base/errors.ts";
import { MINUTE, after, toUnixSeconds } from "../base/time.ts";
import { type ArmoredBlock, readArmoredBlocks } from "./armored-blocks.ts";
import { groupPackets, type KeyPacket, TAG, writePacket } from "./certificate-parts.ts";
import { type Certificate, certificateOf, parseCertificates, partsOf } from "./certificate.ts";
import { readKeyPackets } from "./key-packets.ts";
import { SIGNATURE_TYPE, readKeySignature } from "./key-signature.ts";
import { ownKeys } from "./own-keys.ts";
import type { UnlockedKey } from "./secret-key.ts";
import { readSelfSignatures } from "./self-signatures.ts";
import { startSignature } from "./sign.ts";
import { signedOctets } from "./signed-octets.ts";
import { type KeyRevocation, revocationOf } from "./signer.ts";
import {
  issuerSubpacket,
  keyIdSubpacket,
  secondsSubpacket,
  subpacket,
  writeSubpackets,
} from "./write-subpackets.ts";

/** Reasons for revoking a key (RFC 9580 §5.2.3.31): 0 none, 1 superseded, 2 compromised, 3 retired. */
export type RevocationReasonCode = 0 | 1 | 2 | 3;

/** A revocation is one short signature; what is larger is something else. */
const MOST_OCTETS = 64 * 1024;
const MOST_PACKETS = 8;

/**
 * Revokes a key with a revocation made and dated now, which a soft reason (1, 3) needs: dated at generation it would
 * undo every signature ever made. It is merged into `certificate`, where more or less of the key is published than was
 * kept.
 */
export async function revokeFresh(options: {
  readonly key: UnlockedKey;
  readonly certificate?: Certificate;
  readonly reasonCode: RevocationReasonCode;
  readonly text: string;
  readonly now: Date;
}): Promise<Certificate> {
  const { key, reasonCode, text, now } = options;
  const body = revoke(key, { code: reasonCode, text }, now);
  const merged = await merge(options.certificate ?? key.certificate, [
    { tag: TAG.signature, body },
  ]);
  if (merged === undefined) {
    throw new AppError("a fresh revocation does not verify", { temporary: false });
  }
  return merged;
}

/**
 * The generic revocation of RFC 9580 §13.9, as it is made with every key and kept: binary, reason 0, dated a minute back,
 * for recipients whose clock is behind.
 */
export async function genericRevocationFor(key: UnlockedKey, now: Date): Promise<Uint8Array> {
  const { created } = key.certificate;
  const date = after(now, -MINUTE);
  const reason = { code: 0, text: "escrowed at generation" };
  const body = revoke(key, reason, date < created ? created : date);
  return Promise.resolve(Uint8Array.from(writePacket(TAG.signature, body)));
}

/** Subpackets (RFC 9580 §5.2.3.7). */
const CREATED = 2;
const REASON = 29;

/** The body of a revocation by the key itself. Our own, because the library does not sign with every key we take over. */
function revoke(
  key: UnlockedKey,
  reason: { readonly code: number; readonly text: string },
  date: Date,
): Uint8Array {
  const [primary] = ownKeys(key);
  const parts = partsOf(key.certificate);
  const { fingerprint, version } = key.certificate;
  if (parts === undefined || primary?.material.fingerprint !== fingerprint) {
    throw new AppError("a key cannot be revoked", { temporary: false });
  }
  const signature = startSignature({
    key: primary,
    type: SIGNATURE_TYPE.keyRevocation,
    hashed: writeSubpackets([
      secondsSubpacket(CREATED, toUnixSeconds(date)),
      subpacket(REASON, Buffer.concat([Buffer.of(reason.code), utf8(reason.text)])),
      issuerSubpacket(fingerprint),
    ]),
    unhashed: version === 4 ? writeSubpackets([keyIdSubpacket(fingerprint)]) : Buffer.alloc(0),
  });
  signature.update(signedOctets({ key: parts.primary.body }));
  return signature.finish();
}

/** The first of a user's certificates that an upload revokes, with that merged into it. */
export type Revoked = { readonly certificate: Certificate; readonly revoked: KeyRevocation };

/**
 * Which of a user's certificates an uploaded revocation is for; undefined when it is for none of them or no revocation at
 * all. Beside the forms of `applyRevocation` it takes a whole certificate that carries its revocation.
 */
export async function whichRevoked(
  certificates: readonly Certificate[],
  upload: Uint8Array,
): Promise<Revoked | undefined> {
  const packets = barePackets(upload) ?? (await revocationsWithin(certificates, upload));
  for (const certificate of packets.length === 0 ? [] : certificates) {
    const revoked = await merge(certificate, packets);
    if (revoked !== undefined) {
      return { certificate: revoked, revoked: await revocationOf(revoked) };
    }
  }
  return undefined;
}

/** The newest revocations in whole certificates of the same keys. */
async function revocationsWithin(
  certificates: readonly Certificate[],
  upload: Uint8Array,
): Promise<readonly KeyPacket[]> {
  const own = new Set(certificates.map(({ fingerprint }) => fingerprint));
  const parsed = await parseCertificates(upload);
  return (parsed.kind === "parsed" ? parsed.certificates : [])
    .filter(({ fingerprint }) => own.has(fingerprint))
    .flatMap((certificate) => partsOf(certificate)?.primary.signatures ?? [])
    .filter(({ type }) => type === SIGNATURE_TYPE.keyRevocation)
    .slice(0, MOST_PACKETS)
    .map(({ body }) => ({ tag: TAG.signature, body }));
}

/**
 * The certificate with a revocation signature merged into it; undefined when none of those given is the primary key's
 * own. Accepts binary and both armors that are in use for bare revocations, `PUBLIC KEY BLOCK` and `SIGNATURE`, also with
 * GnuPG's colon before. Applying one again changes nothing.
 */
export async function applyRevocation(
  certificate: Certificate,
  revocation: Uint8Array,
): Promise<Certificate | undefined> {
  const packets = barePackets(revocation);
  return packets && merge(certificate, packets);
}

/** Nothing but key revocations; undefined when there is anything else or nothing. */
function barePackets(input: Uint8Array): readonly KeyPacket[] | undefined {
  const bytes = input.length <= MOST_OCTETS ? octetsOf(input) : undefined;
  const read = bytes && readKeyPackets(bytes, MOST_PACKETS);
  const packets = read?.kind === "read" ? read.packets : [];
  const isRevocation = ({ tag, body }: KeyPacket) =>
    tag === TAG.signature && readKeySignature(body)?.type === SIGNATURE_TYPE.keyRevocation;
  return packets.length > 0 && packets.every(isRevocation) ? packets : undefined;
}

function octetsOf(input: Uint8Array): Uint8Array | undefined {
  if ((input[0] ?? 0) >= 0x80) return input;
  const blocks = readArmoredBlocks(withoutGuard(input))?.filter(
    ({ label }: ArmoredBlock) => label === "PUBLIC KEY BLOCK" || label === "SIGNATURE",
  );
  return blocks && Buffer.concat(blocks.map(({ data }) => data));
}

/**
 * GnuPG puts a colon before the first line of the revocation it makes with each key, so that nobody imports that file by
 * mistake. Who hands it in here means it.
 */
function withoutGuard(input: Uint8Array): Uint8Array {
  const text = asBuffer(input).toString("latin1");
  return Buffer.from(text.replaceAll(/^:(?=-----BEGIN PGP )/gm, ""), "latin1");
}

async function merge(
  certificate: Certificate,
  packets: readonly KeyPacket[],
): Promise<Certificate | undefined> {
  const parts = partsOf(certificate);
  if (parts === undefined) return undefined;
  // Verified alone, so that what the certificate carries already cannot use up the verifier's budget.
  const alone = groupPackets([{ tag: TAG.publicKey, body: parts.primary.body }, ...packets]);
  const signatures = alone && (await readSelfSignatures(alone));
  const revocations = (await signatures?.primary())?.revocations ?? [];
  if (revocations.length === 0) return undefined;
  const { primary } = parts;
  const known = new Set(primary.signatures.map(({ body }) => hex(body)));
  const fresh = revocations.filter(({ body }) => !known.has(hex(body)));
  if (fresh.length === 0) return certificate;
  return certificateOf({
    ...parts,
    primary: { ...primary, signatures: [...fresh, ...primary.signatures] },
  });
}

const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString("hex");
