/**
 * What an event of a key's life changes of the published certificates. Each change is counted in the version of the
 * published view and noted in the file beside the database, in one transaction.
 */
import { AppError } from "../../base/errors.ts";
import { keyIdOf, type Fingerprint } from "../../openpgp/packets/fingerprint.ts";
import { hideAsRollout, holdRollout } from "../accounts/rollout.ts";
import { isConstraintViolation } from "../engine/constraint.ts";
import { msOrZero } from "../engine/row.ts";
import type { Store } from "../store.ts";
import { fromRow, toRow, type KeyState, type PublishedCertificate } from "./certificates.ts";
import { appendToPublishedFile, eraseFromPublishedFile } from "./published-file-of.ts";
import { certificateLine, servedLine } from "./published-file.ts";
import { countChange } from "./published-version.ts";

/**
 * Publishes a certificate for the first time. Its generic revocation must be kept already, and no other certificate of
 * the address may be active.
 * @throws AppError when either does not hold, and a temporary one for any other trouble; nothing is published then.
 */
export async function publish(
  store: Store,
  certificate: PublishedCertificate,
  subkeys: readonly Fingerprint[],
): Promise<void> {
  try {
    await store.transaction(async (tx) => {
      await holdRollout(tx, certificate.address.domain, "shared");
      await tx.db.insertInto("published_certificates").values(toRow(certificate)).execute();
      await insertIds(tx, certificate.fingerprint, subkeys);
      await hideAsRollout(tx, certificate.fingerprint);
      await countChange(tx);
      await appendToPublishedFile(tx, certificateLine(certificate));
    });
  } catch (error) {
    if (isConstraintViolation(error)) {
      throw new AppError("the certificate may not be published", {
        temporary: false,
        cause: error,
      });
    }
    throw new AppError("the certificate cannot be published now", {
      temporary: true,
      cause: error,
    });
  }
}

/** Replaces what is published of a certificate: a revocation was merged, its life was extended. */
export async function updatePublished(
  store: Store,
  fingerprint: Fingerprint,
  change: Pick<PublishedCertificate, "state" | "bytes" | "expiresAt" | "revokedAt">,
): Promise<void> {
  await replacePublished(store, fingerprint, change);
}

/**
 * As `updatePublished`, only while the certificate is still active. Of two who end it at once, one is told false and has
 * changed nothing.
 */
export async function endPublished(
  store: Store,
  fingerprint: Fingerprint,
  change: Pick<PublishedCertificate, "state" | "bytes" | "expiresAt" | "revokedAt">,
): Promise<boolean> {
  return replacePublished(store, fingerprint, change, "active");
}

/** From now on a certificate is found by no fingerprint and no key ID; in the caller's transaction. */
export async function stopServing(store: Store, fingerprint: Fingerprint): Promise<void> {
  await store.db.deleteFrom("certificate_ids").where("fingerprint", "=", fingerprint).execute();
  await countChange(store);
  await appendToPublishedFile(store, servedLine(fingerprint, false));
}

/** A certificate is found by its fingerprints and key IDs again; in the caller's transaction. No harm where it is found already. */
export async function serveAgain(
  store: Store,
  fingerprint: Fingerprint,
  subkeys: readonly Fingerprint[],
): Promise<void> {
  await insertIds(store, fingerprint, subkeys);
  await countChange(store);
  await appendToPublishedFile(store, servedLine(fingerprint, true));
}

/** Deletes everything that is published of these certificates, and what was kept to revoke them: erasure by law. */
export async function erasePublished(
  store: Store,
  fingerprints: readonly Fingerprint[],
): Promise<void> {
  if (fingerprints.length === 0) return;
  await store.transaction(async (tx) => {
    for (const table of [
      "certificate_ids",
      "published_certificates",
      "generic_revocations",
    ] as const) {
      await tx.db.deleteFrom(table).where("fingerprint", "in", fingerprints).execute();
    }
    await countChange(tx);
    await eraseFromPublishedFile(tx, { fingerprints });
  });
}

/**
 * Puts a certificate back that was revoked after a backup was made and is not in it; in the caller's transaction. Only by
 * its fingerprint, and with no generic revocation: that is lost.
 */
export async function putBackRevoked(
  store: Store,
  certificate: PublishedCertificate,
): Promise<void> {
  const row = toRow(certificate);
  await store.db
    .insertInto("generic_revocations")
    .values({
      fingerprint: row.fingerprint,
      owner: "",
      version: row.version,
      wrapped: new Uint8Array(),
      created_at: row.created_at,
    })
    .execute();
  await store.db.insertInto("published_certificates").values(row).execute();
  await insertIds(store, certificate.fingerprint, []);
  await hideAsRollout(store, certificate.fingerprint);
  await countChange(store);
}

async function insertIds(
  store: Store,
  fingerprint: Fingerprint,
  subkeys: readonly Fingerprint[],
): Promise<void> {
  const ids = new Set([fingerprint, ...subkeys].flatMap((one) => [one, keyIdOf(one)]));
  await store.db
    .insertInto("certificate_ids")
    .values([...ids].map((id) => ({ id, fingerprint })))
    .onConflict((conflict) => conflict.doNothing())
    .execute();
}

async function replacePublished(
  store: Store,
  fingerprint: Fingerprint,
  change: Pick<PublishedCertificate, "state" | "bytes" | "expiresAt" | "revokedAt">,
  onlyWhile?: KeyState,
): Promise<boolean> {
  return store.transaction(async (tx) => {
    const update = tx.db
      .updateTable("published_certificates")
      .set({
        state: change.state,
        bytes: change.bytes,
        expires_at: msOrZero(change.expiresAt),
        revoked_at: msOrZero(change.revokedAt),
      })
      .where("fingerprint", "=", fingerprint);
    const row = await (onlyWhile === undefined ? update : update.where("state", "=", onlyWhile))
      .returningAll()
      .executeTakeFirst();
    if (row === undefined) return false;
    await countChange(tx);
    await appendToPublishedFile(tx, certificateLine(fromRow(row)));
    return true;
  });
}
