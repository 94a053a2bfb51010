import { existsSync } from "node:fs";

import type { Selectable } from "kysely";

import { AppError } from "../base/errors.ts";
import { fromUnixMs } from "../base/time.ts";
import { canonicalAddress, formatAddress, type EmailAddress } from "../mail/address.ts";
import { wkdName } from "../mail/wkd-hash.ts";
import { keyIdOf, type Fingerprint, type KeyId } from "../openpgp/fingerprint.ts";
import { holdAuditEnd } from "./audit.ts";
import { isConstraintViolation } from "./constraint.ts";
import {
  appendCertificate,
  appendServed,
  eraseFromFile,
  startPublishedFile,
} from "./published-file.ts";
import { addressFrom, msOrZero, timeOrNone, wordFrom } from "./row.ts";
import type { Schema } from "./schema.ts";
import { HELD, type Store } from "./store.ts";

/**
 * What became of a published key. `superseded` and `retired` are revoked softly, `compromised` and
 * `withdrawn` (by the generic revocation, without a reason) are not. A prepared key is not published, so it is not here.
 */
export type KeyState = "active" | "superseded" | "retired" | "compromised" | "withdrawn";

const KEY_STATES: readonly KeyState[] = [
  "active",
  "superseded",
  "retired",
  "compromised",
  "withdrawn",
];

/** A row of the published view: everything in it is public. `expiresAt` is for the reader to compare with his clock. */
export type PublishedCertificate = {
  readonly fingerprint: Fingerprint;
  readonly version: 4 | 6;
  readonly state: KeyState;
  readonly bytes: Uint8Array;
  readonly createdAt: Date;
  readonly expiresAt?: Date;
  readonly revokedAt?: Date;
  readonly address: EmailAddress;
};

/** The active certificate of an address, expired or not; there is at most one, so that senders need not choose. */
export async function findPublished(
  store: Store,
  address: EmailAddress,
): Promise<PublishedCertificate | undefined> {
  const row = await store.db
    .selectFrom("published_certificates")
    .selectAll()
    .where("address", "=", canonicalAddress(address))
    .where("state", "=", "active")
    .executeTakeFirst();
  return row === undefined ? undefined : fromRow(row);
}

/** Every certificate, revoked ones too, whose primary key or subkey has this fingerprint or key ID. */
export async function findById(
  store: Store,
  id: Fingerprint | KeyId,
): Promise<readonly PublishedCertificate[]> {
  const rows = await store.db
    .selectFrom("certificate_ids")
    .innerJoin(
      "published_certificates",
      "published_certificates.fingerprint",
      "certificate_ids.fingerprint",
    )
    .selectAll("published_certificates")
    .where("certificate_ids.id", "=", id)
    .orderBy("published_certificates.created_at", "desc")
    .orderBy("published_certificates.fingerprint")
    .execute();
  return rows.map(fromRow);
}

/** All certificates of an address, the newest first. */
export async function listPublished(
  store: Store,
  address: EmailAddress,
): Promise<readonly PublishedCertificate[]> {
  const rows = await store.db
    .selectFrom("published_certificates")
    .selectAll()
    .where("address", "=", canonicalAddress(address))
    .orderBy("created_at", "desc")
    .orderBy("fingerprint")
    .execute();
  return rows.map(fromRow);
}

/**
 * The certificates that are an account's own, of all its addresses or of one, the newest first: also of those that it gave
 * up, and none of who had one of them before.
 */
export async function listPublishedOf(
  store: Store,
  owner: EmailAddress,
  address?: EmailAddress,
): Promise<readonly PublishedCertificate[]> {
  const own = store.db
    .selectFrom("published_certificates as published")
    .innerJoin("generic_revocations as kept", "kept.fingerprint", "published.fingerprint")
    .selectAll("published")
    .where("kept.owner", "=", canonicalAddress(owner))
    .orderBy("published.created_at", "desc")
    .orderBy("published.fingerprint");
  const wanted =
    address === undefined ? own : own.where("published.address", "=", canonicalAddress(address));
  return (await wanted.execute()).map(fromRow);
}

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
      await tx.db.insertInto("published_certificates").values(toRow(certificate)).execute();
      await insertIds(tx, certificate.fingerprint, subkeys);
      await countChange(tx);
      const file = await publishedFileOf(tx);
      if (file !== undefined) appendCertificate(file, certificate);
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
 * As `updatePublished`, only while the certificate is still active: of two who change it at once one is told false, and
 * nothing is changed for him.
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
  const file = await publishedFileOf(store);
  if (file !== undefined) appendServed(file, fingerprint, false);
}

/** It is found by them again; in the caller's transaction. Changes nothing where it is found already. */
export async function serveAgain(
  store: Store,
  fingerprint: Fingerprint,
  subkeys: readonly Fingerprint[],
): Promise<void> {
  await insertIds(store, fingerprint, subkeys);
  await countChange(store);
  const file = await publishedFileOf(store);
  if (file !== undefined) appendServed(file, fingerprint, true);
}

/** The certificate with this primary key, served or not. */
export async function findByFingerprint(
  store: Store,
  fingerprint: Fingerprint,
): Promise<PublishedCertificate | undefined> {
  const row = await store.db
    .selectFrom("published_certificates")
    .selectAll()
    .where("fingerprint", "=", fingerprint)
    .executeTakeFirst();
  return row === undefined ? undefined : fromRow(row);
}

/** Those of an account's own certificates that are not served at all. */
export async function listUnserved(
  store: Store,
  owner: EmailAddress,
): Promise<readonly Fingerprint[]> {
  const rows = await store.db
    .selectFrom("published_certificates as published")
    .innerJoin("generic_revocations as kept", "kept.fingerprint", "published.fingerprint")
    .leftJoin("certificate_ids as ids", "ids.id", "published.fingerprint")
    .select("published.fingerprint")
    .where("kept.owner", "=", canonicalAddress(owner))
    .where("ids.id", "is", null)
    .orderBy("published.created_at", "desc")
    .execute();
  return rows.map(({ fingerprint }) => fingerprint as Fingerprint);
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
 * Active certificates that expire between two moments, soonest first. `after` goes on behind the last one of a page.
 */
export async function listExpiring(
  store: Store,
  from: Date,
  before: Date,
  page: { readonly limit: number; readonly after?: PublishedCertificate | undefined },
): Promise<readonly PublishedCertificate[]> {
  const last = page.after;
  const since = Math.max(from.getTime(), 1);
  const rows = await store.db
    .selectFrom("published_certificates")
    .selectAll()
    .where("state", "=", "active")
    .where("expires_at", ">=", last?.expiresAt?.getTime() ?? since)
    .where("expires_at", "<", before.getTime())
    .where((row) =>
      row.or([
        row("expires_at", ">", last?.expiresAt?.getTime() ?? 0),
        row("fingerprint", ">", last?.fingerprint ?? ""),
      ]),
    )
    .orderBy("expires_at")
    .orderBy("fingerprint")
    .limit(page.limit)
    .execute();
  return rows.map(fromRow);
}

/** Rises with every change of the published view: an answer kept under an older number is out of date. */
export async function publishedVersion(store: Store): Promise<number> {
  const row = await store.db
    .selectFrom("published_version")
    .select("version")
    .executeTakeFirstOrThrow();
  return row.version;
}

/**
 * The file that keeps what is published, begun with what is there if it is not there yet. Undefined while publication is
 * held and there is none: a file that says less than was published would end the hold of the next restore.
 */
export async function publishedFileOf(store: Store): Promise<string | undefined> {
  const file = store.publishedFile;
  if (file === undefined || existsSync(file)) return file;
  if (await isPublicationHeld(store)) return undefined;
  const unserved = await store.db
    .selectFrom("published_certificates as published")
    .leftJoin("certificate_ids as ids", "ids.id", "published.fingerprint")
    .select("published.fingerprint")
    .where("ids.id", "is", null)
    .execute();
  const hidden = unserved.map(({ fingerprint }) => fingerprint as Fingerprint);
  startPublishedFile(file, await listAllPublished(store), hidden);
  return file;
}

/**
 * Takes erased people out of the file once the erasure is committed: after a rollback their revocations must be in it.
 * The end of the audit log is held, as by those who append, so that no line is lost between reading and replacing.
 */
export async function eraseFromPublishedFile(
  store: Store,
  of: Parameters<typeof eraseFromFile>[1],
): Promise<void> {
  const file = store.publishedFile;
  if (file === undefined) return;
  await store.afterCommit(async (tx) => {
    await holdAuditEnd(tx);
    eraseFromFile(file, of);
  });
}

/** Whether any certificate is published, ended ones too. */
export async function hasPublished(store: Store): Promise<boolean> {
  const row = await store.db
    .selectFrom("published_certificates")
    .select("fingerprint")
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** Every certificate, of whatever state. */
export async function listAllPublished(store: Store): Promise<readonly PublishedCertificate[]> {
  const rows = await store.db
    .selectFrom("published_certificates")
    .selectAll()
    .orderBy("created_at")
    .execute();
  return rows.map(fromRow);
}

/** Keeps the keyserver from serving anything, or lets it again: after a restore that may have un-revoked keys. */
export async function holdPublication(store: Store, isHeld: boolean): Promise<void> {
  if ((await isPublicationHeld(store)) === isHeld) return;
  await store.db
    .updateTable("published_version")
    .set((row) => ({ version: row("version", isHeld ? "-" : "+", HELD) }))
    .execute();
}

export async function isPublicationHeld(store: Store): Promise<boolean> {
  return (await publishedVersion(store)) < 0;
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
    const file = await publishedFileOf(tx);
    if (file !== undefined) appendCertificate(file, fromRow(row));
    return true;
  });
}

/**
 * In a transaction, which also writes to the audit log, before or behind: always the log's end is taken first, or two who
 * change the keys of different users wait for each other.
 */
async function countChange(store: Store): Promise<void> {
  await holdAuditEnd(store);
  await store.db
    .updateTable("published_version")
    .set((expression) => ({ version: expression("version", "+", 1) }))
    .execute();
}

type Row = Selectable<Schema["published_certificates"]>;

function toRow(certificate: PublishedCertificate): Row {
  return {
    fingerprint: certificate.fingerprint,
    address: canonicalAddress(certificate.address),
    mailbox: formatAddress(certificate.address),
    version: certificate.version,
    state: certificate.state,
    bytes: certificate.bytes,
    created_at: certificate.createdAt.getTime(),
    expires_at: msOrZero(certificate.expiresAt),
    revoked_at: msOrZero(certificate.revokedAt),
    wkd: wkdName(certificate.address),
  };
}

function fromRow(row: Row): PublishedCertificate {
  const expiresAt = timeOrNone(row.expires_at);
  const revokedAt = timeOrNone(row.revoked_at);
  return {
    fingerprint: row.fingerprint as Fingerprint,
    version: row.version === 6 ? 6 : 4,
    state: wordFrom(KEY_STATES, row.state),
    bytes: row.bytes,
    createdAt: fromUnixMs(row.created_at),
    ...(expiresAt === undefined ? {} : { expiresAt }),
    ...(revokedAt === undefined ? {} : { revokedAt }),
    address: addressFrom(row.mailbox),
  };
}
