import { AppError } from "../base/errors.ts";
import { type ArmoredBlock, readArmoredBlocks } from "./armored-blocks.ts";
import { groupPackets, type KeyPacket, TAG } from "./certificate-parts.ts";
import { type Certificate, certificateOf, partsOf } from "./certificate.ts";
import { readKeyPackets } from "./key-packets.ts";
import { SIGNATURE_TYPE, readKeySignature } from "./key-signature.ts";
import { certificateConfig } from "./profile.ts";
import type { UnlockedKey } from "./secret-key.ts";
import { readSelfSignatures } from "./self-signatures.ts";

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
  const revoked = await key
    .key()
    .revoke({ flag: reasonCode, string: text }, now, certificateConfig);
  // The library puts the new one last, behind those that were there.
  const body = revoked.revocationSignatures.at(-1)?.write();
  const into = options.certificate ?? key.certificate;
  const merged = body && (await merge(into, [{ tag: TAG.signature, body }]));
  if (merged === undefined) {
    throw new AppError("a fresh revocation does not verify", { temporary: false });
  }
  return merged;
}

/**
 * The certificate with a revocation signature merged into it; undefined when none of those given is the primary key's
 * own. Accepts binary and both armors that are in use for bare revocations, `PUBLIC KEY BLOCK` and `SIGNATURE`. Applying
 * one again changes nothing.
 */
export async function applyRevocation(
  certificate: Certificate,
  revocation: Uint8Array,
): Promise<Certificate | undefined> {
  const bytes = revocation.length <= MOST_OCTETS ? octetsOf(revocation) : undefined;
  const read = bytes && readKeyPackets(bytes, MOST_PACKETS);
  return read?.kind === "read" ? merge(certificate, read.packets) : undefined;
}

function octetsOf(input: Uint8Array): Uint8Array | undefined {
  if ((input[0] ?? 0) >= 0x80) return input;
  const blocks = readArmoredBlocks(input)?.filter(
    ({ label }: ArmoredBlock) => label === "PUBLIC KEY BLOCK" || label === "SIGNATURE",
  );
  return blocks && Buffer.concat(blocks.map(({ data }) => data));
}

async function merge(
  certificate: Certificate,
  packets: readonly KeyPacket[],
): Promise<Certificate | undefined> {
  const parts = partsOf(certificate);
  const isRevocation = ({ tag, body }: KeyPacket) =>
    tag === TAG.signature && readKeySignature(body)?.type === SIGNATURE_TYPE.keyRevocation;
  if (parts === undefined || packets.length === 0 || !packets.every(isRevocation)) return undefined;
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
