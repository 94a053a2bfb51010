/**
 * The certificates that are published: what the world may read, and what the events of a key's life read of it. `publish.ts`
 * writes them, `published-version.ts` counts the changes. The keyserver has look-ups of its own, in `published-view.ts`.
 */
import { type Selectable, sql } from "kysely";

import { fromUnixMs } from "../../base/time.ts";
import { canonicalAddress, formatAddress, type EmailAddress } from "../../mail/address.ts";
import { wkdName } from "../../mail/wkd-hash.ts";
import type { Fingerprint, KeyId } from "../../openpgp/packets/fingerprint.ts";
import type { AccountId } from "../../words/account.ts";
import { compiled } from "../engine/compiled.ts";
import { addressFrom, msOrZero, timeOrNone, wordFrom } from "../engine/row.ts";
import type { Schema } from "../engine/schema.ts";
import type { Store } from "../store.ts";

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

/** A row of the published view: everything in it is public. Readers compare `expiresAt` with their own clock. */
export type PublishedCertificate = {
  readonly fingerprint: Fingerprint;
  readonly version: 4 | 6;
  readonly state: KeyState;
  readonly bytes: Uint8Array;
  readonly createdAt: Date;
  readonly expiresAt?: Date;
  readonly revokedAt?: Date;
  /** Nobody outside finds it, because its domain or its user does not take part. */
  readonly isHidden?: boolean;
  readonly address: EmailAddress;
};

/** The active certificate of an address, expired or not; there is at most one, so that senders need not choose. */
export async function findPublished(
  store: Store,
  address: EmailAddress,
): Promise<PublishedCertificate | undefined> {
  const row = await selectActive(store, { address: canonicalAddress(address) }).executeTakeFirst();
  return row === undefined ? undefined : fromRow(row);
}

const selectActive = compiled((db, { address }: { readonly address: string }) =>
  db
    .selectFrom("published_certificates")
    .selectAll()
    .where("address", "=", address)
    .where("state", "=", sql.lit("active")),
);

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
 * The certificates of an account's own keys, the newest first: of all its addresses or of one, including released ones.
 * Certificates of earlier owners of these addresses are not among them.
 */
export async function listPublishedOf(
  store: Store,
  owner: AccountId,
  address?: EmailAddress,
): Promise<readonly PublishedCertificate[]> {
  const own = store.db
    .selectFrom("published_certificates as published")
    .innerJoin("generic_revocations as kept", "kept.fingerprint", "published.fingerprint")
    .selectAll("published")
    .where("kept.owner", "=", owner)
    .orderBy("published.created_at", "desc")
    .orderBy("published.fingerprint");
  const wanted =
    address === undefined ? own : own.where("published.address", "=", canonicalAddress(address));
  return (await wanted.execute()).map(fromRow);
}

/** The certificates of an account's own keys that no fingerprint and no key ID finds. */
export async function listUnserved(
  store: Store,
  owner: AccountId,
): Promise<readonly Fingerprint[]> {
  const rows = await store.db
    .selectFrom("published_certificates as published")
    .innerJoin("generic_revocations as kept", "kept.fingerprint", "published.fingerprint")
    .leftJoin("certificate_ids as ids", "ids.id", "published.fingerprint")
    .select("published.fingerprint")
    .where("kept.owner", "=", owner)
    .where("ids.id", "is", null)
    .orderBy("published.created_at", "desc")
    .execute();
  return rows.map(({ fingerprint }) => fingerprint as Fingerprint);
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
  const since = page.after?.expiresAt?.getTime() ?? Math.max(from.getTime(), 1);
  const behind = page.after?.fingerprint ?? "";
  const rows = await store.db
    .selectFrom("published_certificates")
    .selectAll()
    .where("state", "=", sql.lit("active"))
    .where(sql<boolean>`(expires_at, fingerprint) > (${since}, ${behind})`)
    .where("expires_at", "<", before.getTime())
    .orderBy("expires_at")
    .orderBy("fingerprint")
    .limit(page.limit)
    .execute();
  return rows.map(fromRow);
}

/** How many active certificates end between two times, the second one excluded. */
export async function countExpiring({ db }: Store, from: Date, before: Date): Promise<number> {
  const row = await db
    .selectFrom("published_certificates")
    .select((of) => of.fn.countAll<number>().as("count"))
    .where("state", "=", sql.lit("active"))
    .where("expires_at", ">=", Math.max(from.getTime(), 1))
    .where("expires_at", "<", before.getTime())
    .executeTakeFirstOrThrow();
  return Number(row.count);
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

/** Whether any certificate is published, ended ones too. */
export async function hasPublished(store: Store): Promise<boolean> {
  const row = await store.db
    .selectFrom("published_certificates")
    .select("fingerprint")
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** The row of a certificate, with what look-ups need beside it. */
export function toRow(
  certificate: PublishedCertificate,
): Selectable<Schema["published_certificates"]> {
  return {
    fingerprint: certificate.fingerprint,
    address: canonicalAddress(certificate.address),
    domain: certificate.address.domain,
    mailbox: formatAddress(certificate.address),
    version: certificate.version,
    state: certificate.state,
    bytes: certificate.bytes,
    created_at: certificate.createdAt.getTime(),
    expires_at: msOrZero(certificate.expiresAt),
    revoked_at: msOrZero(certificate.revokedAt),
    wkd: wkdName(certificate.address),
    hidden: certificate.isHidden === true ? 1 : 0,
  };
}

export function fromRow(row: Selectable<Schema["published_certificates"]>): PublishedCertificate {
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
    ...(row.hidden === 1 ? { isHidden: true } : {}),
    address: addressFrom(row.mailbox),
  };
}
