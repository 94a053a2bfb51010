import { appendAudit } from "../journal/journal.ts";
import { sameAddress, type EmailAddress } from "../mail/address.ts";
import { acceptForEncryption } from "../openpgp/certificates/acceptance.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import type { RevokedPart } from "../openpgp/certificates/merge-revocations.ts";
import { signingSubkeysOf } from "../openpgp/certificates/signing-keys.ts";
import { whichRevoked, type Revoked } from "../openpgp/certificates/which-revoked.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import { holdAuditEnd } from "../store/journal/audit-ends.ts";
import {
  listPublishedOf,
  type KeyState,
  type PublishedCertificate,
} from "../store/keys/certificates.ts";
import { serveAgain, updatePublished } from "../store/keys/publish.ts";
import type { Store } from "../store/store.ts";
import { certificateIn } from "../vault/published-certificate.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import type { AccountId } from "../words/account.ts";
import {
  addressesKeptHere,
  changeKeys,
  isOwn,
  type AccountRefusal,
  type AddressNotOwn,
} from "./keys.ts";
import { revokedChange, stateFor } from "./publication.ts";
import { endKey, type Ended, type EndReason, type EndWish } from "./revoke-active.ts";
import { refuse } from "./unless-refused.ts";

/** What came of revoking a key without a new one. */
export type Revocation =
  | ({ readonly kind: "revoked" } & Ended)
  | { readonly kind: "no-active-key" }
  | AddressNotOwn
  | AccountRefusal;

/**
 * Revokes the active key of an address without a new one: from then on nothing is found for the address. With the master
 * key the revocation is made now and has the reason; without it the generic one is released, which has none and undoes
 * every signature ever made.
 */
export async function revokeKey(deps: VaultDeps, wish: EndWish): Promise<Revocation> {
  type Refusal = AddressNotOwn | { readonly kind: "no-active-key" };
  return changeKeys<Revocation, Refusal>(deps.store, wish.owner, async (tx) => {
    if (!(await isOwn(tx, wish.owner, wish.address))) return refuse({ kind: "address-not-own" });
    const ended = await endKey(deps, tx, wish);
    if (ended === undefined) return refuse({ kind: "no-active-key" });
    await appendAudit(tx, {
      at: deps.clock.now(),
      action: "key.revoked",
      account: wish.owner,
      detail: { fingerprint: ended.fingerprint, by: ended.by, reason: wish.reason },
    });
    return { kind: "revoked", ...ended };
  });
}

/** What an uploaded revocation came to. */
export type UploadedRevocation =
  | {
      readonly kind: "published";
      readonly fingerprint: Fingerprint;
      readonly address: EmailAddress;
      /** `active` when nothing is lost: the address has its certificate still, without what is revoked. */
      readonly state: KeyState;
      readonly parts: readonly RevokedPart[];
    }
  /** It was published before. */
  | { readonly kind: "known"; readonly fingerprint: Fingerprint }
  /** None of the user's keys signed it, or it is for a part of one that is not published. */
  | { readonly kind: "revocation-of-no-key" }
  | AccountRefusal;

/**
 * Publishes a revocation that a user made, of any key that they have or had, or of a subkey or user ID of one; no key
 * needs to be open. Binary, the armor of a key block or of a signature, or the certificate that carries it. What leaves a
 * certificate of no use for its address ends it as a revocation of the whole key does. One that ended here without a
 * revocation is served again with that of the whole key.
 */
export async function publishRevocation(
  deps: VaultDeps,
  owner: AccountId,
  upload: Uint8Array,
): Promise<UploadedRevocation> {
  return changeKeys(
    deps.store,
    owner,
    async (tx) => {
      const rows = await listPublishedOf(tx, owner);
      const certificates = await Promise.all(rows.map(certificateIn));
      const found = await whichRevoked(certificates, upload);
      const row = rows.find(({ fingerprint }) => fingerprint === found?.certificate.fingerprint);
      if (found === undefined || row === undefined) return { kind: "revocation-of-no-key" };
      const { fingerprint, address } = row;
      if (Buffer.from(row.bytes).equals(found.certificate.bytes)) {
        return { kind: "known", fingerprint };
      }
      // Before any row is written: locks are taken in one order (`store/journal/audit-shards.ts`).
      await holdAuditEnd(tx, owner);
      const change = await changeBy(deps, tx, owner, row, found);
      await updatePublished(tx, fingerprint, change);
      const { parts, certificate, revoked } = found;
      if (revoked.kind !== "none") {
        await serveAgain(tx, fingerprint, certificate.subkeyFingerprints);
      }
      await appendAudit(tx, {
        at: deps.clock.now(),
        action: "revocation.uploaded",
        account: owner,
        detail: { fingerprint, state: change.state, of: parts.map(({ kind }) => kind).join(" ") },
      });
      return { kind: "published", fingerprint, address, state: change.state, parts };
    },
    "any",
  );
}

type Change = Parameters<typeof updatePublished>[2];

/** What becomes of a published certificate. */
async function changeBy(
  deps: VaultDeps,
  tx: Store,
  owner: AccountId,
  row: PublishedCertificate,
  { certificate, revoked, parts, added }: Revoked,
): Promise<Change> {
  const now = deps.clock.now();
  if (revoked.kind !== "none") return revokedChange(row, certificate, row.revokedAt ?? now);
  const { bytes } = certificate;
  if (row.state !== "active") return { ...row, bytes };
  const accepted = await acceptForEncryption(certificate, row.address, now);
  if (accepted.kind === "acceptable" && !(await isSignedWith(tx, owner, row, parts, certificate))) {
    const { expires } = accepted;
    return { state: "active", bytes, ...(expires === undefined ? {} : { expiresAt: expires }) };
  }
  return { ...row, bytes, state: hardest(added), revokedAt: now };
}

/** The state that says the worst of what was revoked: those that undo signatures first. */
function hardest(added: readonly RevokedPart[]): EndReason {
  const states = added.map(({ reasonCode }) => stateFor(reasonCode));
  const order = ["compromised", "withdrawn", "superseded", "retired"] as const;
  return order.find((state) => states.includes(state)) ?? "withdrawn";
}

/**
 * Whether one of the revoked subkeys is for signing and its key is kept here: what signs here is the kept key, which does
 * not know of the revocation, and its signatures would count for nobody.
 */
async function isSignedWith(
  tx: Store,
  owner: AccountId,
  { address }: PublishedCertificate,
  parts: readonly RevokedPart[],
  certificate: Certificate,
): Promise<boolean> {
  const kept = await addressesKeptHere(tx, owner);
  if (!kept.some((one) => sameAddress(one, address))) return false;
  const signing = signingSubkeysOf(certificate);
  return parts.some((part) => part.kind === "subkey" && signing.includes(part.fingerprint));
}
