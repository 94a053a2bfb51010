/**
 * Revocations are for ever: what a keyserver once served as revoked is revoked, also when it is served again without its
 * revocation, by whoever could bring the old answer back.
 */
import type { EmailAddress } from "../mail/address.ts";
import { type Acceptance, acceptForEncryption } from "../openpgp/acceptance.ts";
import { type Certificate, partsOf } from "../openpgp/certificate.ts";
import type { KeySignature } from "../openpgp/key-signature.ts";
import { readSelfSignatures } from "../openpgp/self-signatures.ts";
import { isHard, isHardReason } from "../openpgp/validity.ts";
import { readRevocation, rememberRevocation } from "../store/revocations-seen.ts";
import type { Store } from "../store/store.ts";
import type { Revocation } from "./author.ts";
import type { DiscoveryDeps } from "./outcome.ts";

type Deps = Pick<DiscoveryDeps, "store" | "onRollback">;

/** As `acceptForEncryption`, of what a keyserver served just now; revocations are remembered, and those of before count. */
export async function acceptServed(
  deps: Deps,
  certificate: Certificate,
  address: EmailAddress,
  now: Date,
): Promise<Acceptance> {
  const acceptance = await acceptForEncryption(certificate, address, now);
  if (acceptance.kind === "unusable") {
    if (acceptance.reason === "revoked") await learnRevocation(deps.store, certificate);
    return acceptance;
  }
  if ((await readRevocation(deps.store, certificate.fingerprint)) === undefined) return acceptance;
  deps.onRollback?.(certificate.fingerprint, address.domain);
  return { kind: "unusable", reason: "revoked" };
}

/** Remembers the revocation of a certificate, if it has one that is its own key's: a forged one counts for nothing. */
export async function learnRevocation(store: Store, certificate: Certificate): Promise<void> {
  const revocations = await revocationsOf(certificate);
  const oldest = revocations.findLast(isHard) ?? revocations.at(-1);
  if (oldest === undefined) return;
  const { fingerprint } = certificate;
  const reason = oldest.reason?.code ?? 0;
  await rememberRevocation(store, { fingerprint, reason, at: oldest.created }, isHardReason);
}

/** The revocation that was once seen of a certificate and weighs more than what it carries itself. */
export async function missingRevocation(
  store: Store,
  certificate: Certificate,
): Promise<Revocation | undefined> {
  const seen = await readRevocation(store, certificate.fingerprint);
  if (seen === undefined) return undefined;
  const own = await revocationsOf(certificate);
  const isCarried = isHardReason(seen.reason) ? own.some(isHard) : own.length > 0;
  return isCarried ? undefined : { reasonCode: seen.reason, at: seen.at };
}

/** The newest first. */
async function revocationsOf(certificate: Certificate): Promise<readonly KeySignature[]> {
  const parts = partsOf(certificate);
  const signatures = parts && (await readSelfSignatures(parts));
  return signatures === undefined ? [] : (await signatures.primary()).revocations;
}
