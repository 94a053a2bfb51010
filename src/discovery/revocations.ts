/**
 * Revocations are for ever. A certificate that a keyserver once served as revoked stays revoked, even if somebody brings
 * the old answer without the revocation back.
 */
import type { EmailAddress } from "../mail/address.ts";
import type { Acceptance } from "../openpgp/certificates/acceptance.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { isHardReason } from "../openpgp/certificates/validity.ts";
import type { CertificateWork } from "../openpgp/openpgp.ts";
import { readRevocation, rememberRevocation } from "../store/discovery/revocations-seen.ts";
import type { DiscoveryDeps } from "./outcome.ts";

type Deps = Pick<DiscoveryDeps, "store" | "onRollback"> & { readonly work: CertificateWork };

/** A revocation that is known of a key and that its certificate lacks. */
export type Revocation = { readonly reasonCode: number; readonly at: Date };

/** As `acceptForEncryption`, of what a keyserver served just now; revocations are remembered, and those of before count. */
export async function acceptServed(
  deps: Deps,
  certificate: Certificate,
  address: EmailAddress,
  now: Date,
): Promise<Acceptance> {
  const acceptance = await deps.work.acceptForEncryption(certificate, address, now);
  if (acceptance.kind === "unusable") {
    if (acceptance.reason === "revoked") await learnRevocation(deps, certificate);
    return acceptance;
  }
  if ((await readRevocation(deps.store, certificate.fingerprint)) === undefined) return acceptance;
  deps.onRollback?.(certificate.fingerprint, address.domain);
  return { kind: "unusable", reason: "revoked" };
}

/** Remembers the revocation of a certificate, if it has one that is its own key's: a forged one counts for nothing. */
export async function learnRevocation(
  { store, work }: Pick<Deps, "store" | "work">,
  certificate: Certificate,
): Promise<void> {
  const revocations = await work.revocationsOf(certificate);
  const oldest = revocations.findLast(({ isHard }) => isHard) ?? revocations.at(-1);
  if (oldest === undefined) return;
  const { fingerprint } = certificate;
  const { reasonCode: reason, at } = oldest;
  await rememberRevocation(store, { fingerprint, reason, at }, isHardReason);
}

/** The revocation that was once seen of a certificate and weighs more than what it carries itself. */
export async function missingRevocation(
  { store, work }: Pick<Deps, "store" | "work">,
  certificate: Certificate,
): Promise<Revocation | undefined> {
  const seen = await readRevocation(store, certificate.fingerprint);
  if (seen === undefined) return undefined;
  const own = await work.revocationsOf(certificate);
  const isCarried = isHardReason(seen.reason) ? own.some(({ isHard }) => isHard) : own.length > 0;
  return isCarried ? undefined : { reasonCode: seen.reason, at: seen.at };
}
