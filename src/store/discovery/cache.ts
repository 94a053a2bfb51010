import { after, fromUnixMs } from "../../base/time.ts";
import {
  canonicalAddress,
  formatAddress,
  type Domain,
  type EmailAddress,
} from "../../mail/address.ts";
import { compiled } from "../engine/compiled.ts";
import { addressFrom, timeOrNone } from "../engine/row.ts";
import type { Store } from "../store.ts";
import { purgeAuthorAnswers } from "./author-answers.ts";
import { CACHE_LIFE_MS, purgeAuthorKeys } from "./author-keys.ts";
import { purgeUnusable } from "./unusable-answers.ts";

/**
 * A certificate that a keyserver gave for an address, when, and until when it needs no new look. From `endsAt` on it is not
 * valid for the address, whoever can be asked.
 */
type CacheEntry = {
  readonly address: EmailAddress;
  readonly certificate: Uint8Array;
  readonly keyserver: string;
  readonly fetchedAt: Date;
  readonly freshUntil: Date;
  readonly endsAt: Date | undefined;
};

/** What is cached for an address and younger than seven days. An entry from the future, by a clock set back, is not used. */
export async function readCache(
  store: Store,
  address: EmailAddress,
  now: Date,
): Promise<CacheEntry | undefined> {
  const row = await selectYoung(store, {
    address: canonicalAddress(address),
    from: after(now, -CACHE_LIFE_MS).getTime(),
    until: now.getTime(),
  }).executeTakeFirst();
  if (row === undefined) return undefined;
  return {
    address: addressFrom(row.mailbox),
    certificate: row.certificate,
    keyserver: row.keyserver,
    fetchedAt: fromUnixMs(row.fetched_at),
    freshUntil: fromUnixMs(row.fresh_until),
    endsAt: timeOrNone(row.ends_at),
  };
}

type Young = { readonly address: string; readonly from: number; readonly until: number };

const selectYoung = compiled((db, { address, from, until }: Young) =>
  db
    .selectFrom("cached_certificates")
    .selectAll()
    .where("address", "=", address)
    .where("fetched_at", ">", from)
    .where("fetched_at", "<=", until),
);

/** Keeps an entry in place of what was known of the address. */
export async function writeCache(store: Store, entry: CacheEntry): Promise<void> {
  const values = {
    mailbox: formatAddress(entry.address),
    certificate: entry.certificate,
    keyserver: entry.keyserver,
    fetched_at: entry.fetchedAt.getTime(),
    fresh_until: Math.min(
      entry.freshUntil.getTime(),
      after(entry.fetchedAt, CACHE_LIFE_MS).getTime(),
    ),
    ends_at: entry.endsAt?.getTime() ?? 0,
  };
  await store.db
    .insertInto("cached_certificates")
    .values({ address: canonicalAddress(entry.address), ...values })
    .onConflict((conflict) => conflict.column("address").doUpdateSet(values))
    .execute();
}

export async function deleteCache(store: Store, address: EmailAddress): Promise<void> {
  await store.db
    .deleteFrom("cached_certificates")
    .where("address", "=", canonicalAddress(address))
    .execute();
}

/**
 * Deletes entries of seven days and more and those from the future, and authors' keys alike, physically: overwritten and
 * out of the log on SQLite, vacuumed on PostgreSQL. Says how many entries. Not for use inside a transaction.
 */
export async function purgeCache(store: Store, now: Date): Promise<number> {
  const deleted = await store.db
    .deleteFrom("cached_certificates")
    .where((row) =>
      row.or([
        row("fetched_at", "<=", after(now, -CACHE_LIFE_MS).getTime()),
        row("fetched_at", ">", now.getTime()),
      ]),
    )
    .executeTakeFirst();
  await purgeAuthorKeys(store, now);
  await purgeAuthorAnswers(store, now);
  await purgeUnusable(store, now);
  await store.forget(["cached_certificates", "author_keys", "author_answers", "unusable_answers"]);
  return Number(deleted.numDeletedRows);
}

/** When a domain's service was last seen under a secure answer, if ever. */
export async function readContinuity(store: Store, domain: Domain): Promise<Date | undefined> {
  const row = await selectContinuity(store, { domain }).executeTakeFirst();
  return row === undefined ? undefined : fromUnixMs(row.last_secure_at);
}

const selectContinuity = compiled((db, { domain }: { readonly domain: string }) =>
  db.selectFrom("continuity").select("last_secure_at").where("domain", "=", domain),
);

export async function writeContinuity(
  store: Store,
  domain: Domain,
  lastSecureAt: Date,
): Promise<void> {
  const values = { last_secure_at: lastSecureAt.getTime() };
  await store.db
    .insertInto("continuity")
    .values({ domain, ...values })
    .onConflict((conflict) => conflict.column("domain").doUpdateSet(values))
    .execute();
}
