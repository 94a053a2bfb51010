import { asBuffer } from "../../base/bytes.ts";
import { type ArmoredBlock, isBinary, readArmoredBlocks } from "../packets/armored-blocks.ts";
import { type CertificateParts, TAG } from "../packets/certificate-parts.ts";
import type { Fingerprint } from "../packets/fingerprint.ts";
import { type KeyPacket, readKeyPackets } from "../packets/key-packets.ts";
import { type KeySignature, SIGNATURE_TYPE, readKeySignature } from "../packets/key-signature.ts";
import { signatureId } from "../packets/same-signature.ts";
import { type Certificate, certificateOf, partsOf } from "./certificate.ts";
import { readSelfSignatures } from "./self-signatures.ts";

/** What of a certificate a revocation is for, and the reason that it gives (RFC 9580 §5.2.3.31). */
export type RevokedPart = { readonly reasonCode: number } & (
  | { readonly kind: "key" }
  | { readonly kind: "subkey"; readonly fingerprint: Fingerprint }
  | { readonly kind: "user-id"; readonly userId: string }
);

/** A certificate with revocations merged into it, all that those given are for, and what of that was not known before. */
export type Merged = {
  readonly certificate: Certificate;
  readonly parts: readonly RevokedPart[];
  readonly added: readonly RevokedPart[];
};

/** A revocation is one short signature; what is larger is something else. */
const MAX_OCTETS = 64 * 1024;
export const MAX_REVOCATIONS = 8;

/**
 * The revocation signatures in an upload that has nothing else; undefined when there is anything else, or nothing. Binary
 * and both armors that are in use for them, `PUBLIC KEY BLOCK` and `SIGNATURE`, also with GnuPG's colon before.
 */
export function bareRevocations(
  input: Uint8Array,
  types: ReadonlySet<number>,
): readonly KeySignature[] | undefined {
  const bytes = input.length <= MAX_OCTETS ? octetsOf(input) : undefined;
  const read = bytes && readKeyPackets(bytes, MAX_REVOCATIONS);
  const packets = read?.kind === "read" ? read.packets : [];
  const signatures = packets.flatMap(({ tag, body }: KeyPacket) => {
    const signature = tag === TAG.signature ? readKeySignature(body) : undefined;
    return signature !== undefined && types.has(signature.type) ? signature : [];
  });
  return signatures.length > 0 && signatures.length === packets.length ? signatures : undefined;
}

function octetsOf(input: Uint8Array): Uint8Array | undefined {
  if (isBinary(input)) return input;
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

/**
 * The certificate with those of the signatures that are revocations by its primary key, each where it belongs: nothing in
 * a revocation says for which subkey or user ID it is, but it verifies over that one alone (RFC 9580 §5.2.4). Undefined
 * when it is none of them. Applying one again changes nothing.
 */
export async function mergeRevocations(
  certificate: Certificate,
  signatures: readonly KeySignature[],
): Promise<Merged | undefined> {
  let parts = partsOf(certificate);
  if (parts === undefined) return undefined;
  const revoked: RevokedPart[] = [];
  const added: RevokedPart[] = [];
  for (const signature of signatures) {
    const found = await findRevoked(parts, signature);
    if (found === undefined) continue;
    const part = { ...found.part, reasonCode: signature.reason?.code ?? 0 };
    revoked.push(part);
    if (found.isKnown) continue;
    parts = found.merged;
    added.push(part);
  }
  if (revoked.length === 0) return undefined;
  const merged = added.length > 0 ? certificateOf(parts) : certificate;
  return { certificate: merged, parts: revoked, added };
}

type Found = {
  readonly part:
    | { readonly kind: "key" }
    | { readonly kind: "subkey"; readonly fingerprint: Fingerprint }
    | { readonly kind: "user-id"; readonly userId: string };
  readonly isKnown: boolean;
  readonly merged: CertificateParts;
};

async function findRevoked(
  parts: CertificateParts,
  signature: KeySignature,
): Promise<Found | undefined> {
  // Verified alone, so that what the certificate carries already cannot use up the verifier's budget.
  const alone = withSignatures(parts, () => [signature]);
  const self = await readSelfSignatures(alone);
  if (self === undefined) return undefined;
  const found = (part: Found["part"], { signatures }: { signatures: readonly KeySignature[] }) => {
    const isKnown = signatures.some((each) => signatureId(each) === signatureId(signature));
    const merged = withSignatures(parts, (kept) =>
      kept === signatures ? [signature, ...kept] : kept,
    );
    return { part, isKnown, merged };
  };
  if ((await self.primary()).revocations.length > 0) return found({ kind: "key" }, parts.primary);
  for (const [index, subkey] of alone.subkeys.entries()) {
    const [fingerprint, kept] = [subkey.material?.fingerprint, parts.subkeys[index]];
    if (fingerprint === undefined || kept === undefined) continue;
    const { revocations } = await self.subkey(subkey);
    if (revocations.length > 0) return found({ kind: "subkey", fingerprint }, kept);
  }
  for (const [index, user] of alone.users.entries()) {
    const kept = parts.users[index];
    if (kept === undefined) continue;
    const { revocations } = await self.user(user);
    if (revocations.length > 0) {
      return found({ kind: "user-id", userId: kept.userId }, kept);
    }
  }
  return undefined;
}

/** The same components with other signatures. */
function withSignatures(
  { primary, users, subkeys }: CertificateParts,
  change: (signatures: readonly KeySignature[]) => readonly KeySignature[],
): CertificateParts {
  const changed = <Part extends { readonly signatures: readonly KeySignature[] }>(part: Part) => ({
    ...part,
    signatures: change(part.signatures),
  });
  return {
    primary: changed(primary),
    users: users.map(changed),
    subkeys: subkeys.map(changed),
  };
}

/** The types of signatures that take something back (RFC 9580 §5.2.1.11 to §5.2.1.13). */
export const KEY_REVOCATIONS: ReadonlySet<number> = new Set([SIGNATURE_TYPE.keyRevocation]);
export const ALL_REVOCATIONS: ReadonlySet<number> = new Set([
  SIGNATURE_TYPE.keyRevocation,
  SIGNATURE_TYPE.subkeyRevocation,
  SIGNATURE_TYPE.certificationRevocation,
]);
