import { AppError } from "../base/errors.ts";
import { appendAudit } from "../journal/audit.ts";
import type { EmailAddress } from "../mail/address.ts";
import { whichRevoked } from "../openpgp/revocation.ts";
import {
  listPublished,
  updatePublished,
  type PublishedCertificate,
} from "../store/certificates.ts";
import { addressesOf, changeKeys, requireOwn } from "./change.ts";
import { endKey, type Ended, type EndReason, type EndWish } from "./end-key.ts";
import { certificateIn, revokedChange } from "./publication.ts";
import type { VaultDeps } from "./vault-deps.ts";

/**
 * Revokes the active key of an address without a new one: from then on nothing is found for the address. With the master
 * key the revocation is made now and has the reason; without it the generic one is released, which has none and undoes
 * every signature ever made.
 * @throws AppError when no key is active.
 */
export async function revokeKey(deps: VaultDeps, wish: EndWish): Promise<Ended> {
  return changeKeys(deps.store, wish.owner, async (tx) => {
    await requireOwn(tx, wish.owner, wish.address);
    const ended = await endKey(deps, tx, wish);
    if (ended === undefined) {
      throw new AppError("this address has no active key", { temporary: false });
    }
    await appendAudit(tx, {
      at: deps.clock.now(),
      action: "key.revoked",
      account: wish.owner,
      detail: { fingerprint: ended.fingerprint, by: ended.by, reason: wish.reason },
    });
    return ended;
  });
}

/** What an uploaded revocation came to. */
export type UploadedRevocation =
  | { readonly kind: "published"; readonly fingerprint: string; readonly state: EndReason }
  /** It was published before. */
  | { readonly kind: "known"; readonly fingerprint: string }
  /** None of the user's keys signed it. */
  | { readonly kind: "refused" };

/**
 * Publishes a revocation that a user made himself, for any key that he has or had; no key needs to be open. Binary, and
 * the armor of a key block or of a signature.
 */
export async function publishRevocation(
  deps: VaultDeps,
  owner: EmailAddress,
  upload: Uint8Array,
): Promise<UploadedRevocation> {
  return changeKeys(
    deps.store,
    owner,
    async (tx) => {
      const rows: PublishedCertificate[] = [];
      for (const address of await addressesOf(tx, owner)) {
        rows.push(...(await listPublished(tx, address)));
      }
      const certificates = await Promise.all(rows.map(certificateIn));
      const found = await whichRevoked(certificates, upload);
      const row = rows.find(({ fingerprint }) => fingerprint === found?.certificate.fingerprint);
      if (found === undefined || row === undefined) return { kind: "refused" };
      const { fingerprint } = row;
      if (Buffer.from(row.bytes).equals(found.certificate.bytes)) {
        return { kind: "known", fingerprint };
      }
      const change = await revokedChange(row, found.certificate, row.revokedAt ?? deps.clock.now());
      await updatePublished(tx, fingerprint, change);
      const state = change.state === "active" ? "withdrawn" : change.state;
      await appendAudit(tx, {
        at: deps.clock.now(),
        action: "revocation.uploaded",
        account: owner,
        detail: { fingerprint, state },
      });
      return { kind: "published", fingerprint, state };
    },
    "any",
  );
}
