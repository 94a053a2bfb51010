import { sql } from "kysely";

import { after, DAY, fromUnixMs } from "../../base/time.ts";
import { canonicalAddress, type EmailAddress } from "../../mail/address.ts";
import { parseFingerprint, type Fingerprint } from "../../openpgp/packets/fingerprint.ts";
import { addressFrom, wordFrom } from "../engine/row.ts";
import type { Store } from "../store.ts";

/** Nothing of others is kept longer than this, whatever a server or a configuration says. */
export const CACHE_LIFE_MS = 7 * DAY;

const STATES = ["found", "absent", "wanted"] as const;

/**
 * A key of an author whose mail waits for its reader: `found` with its certificate, `absent` by what their keyserver said,
 * or `wanted`, to be asked for. A found one stands under its primary key, the others under what they were asked by.
 */
export type AuthorKey = {
  readonly author: EmailAddress;
  readonly fingerprint: Fingerprint;
  readonly state: (typeof STATES)[number];
  /** Empty unless it was found; it stays while it is to be asked for again. */
  readonly certificate: Uint8Array;
  /** When it was found, missed or noted. */
  readonly at: Date;
};

/** More keys of one author, or more questions to one domain, are not looked at: their number is the author's choice. */
const MAX_KEYS = 50;

/** The author's keys of the last seven days, the newest first. */
export async function listAuthorKeys(
  store: Store,
  author: EmailAddress,
  now: Date,
): Promise<readonly AuthorKey[]> {
  const rows = await store.db
    .selectFrom("author_keys")
    .selectAll()
    .where("author", "=", canonicalAddress(author))
    .where("fetched_at", ">", after(now, -CACHE_LIFE_MS).getTime())
    .where("fetched_at", "<=", now.getTime())
    .orderBy("fetched_at", "desc")
    .orderBy("fingerprint")
    .limit(MAX_KEYS)
    .execute();
  return rows.flatMap((row) => toKey(row));
}

/** What is to be asked of a domain's keyserver, the oldest first. */
export async function listWanted(
  store: Store,
  { domain }: EmailAddress,
  now: Date,
): Promise<readonly AuthorKey[]> {
  const rows = await store.db
    .selectFrom("author_keys")
    .selectAll()
    .where("domain", "=", domain)
    .where("state", "=", sql.lit("wanted"))
    .where("fetched_at", ">", after(now, -CACHE_LIFE_MS).getTime())
    .orderBy("fetched_at")
    .orderBy("fingerprint")
    .limit(MAX_KEYS)
    .execute();
  return rows.flatMap((row) => toKey(row));
}

/** Keeps a key in place of what was known of it. */
export async function saveAuthorKey(store: Store, key: AuthorKey): Promise<void> {
  const { author, fingerprint, state, certificate, at } = key;
  const values = { state, certificate, fetched_at: at.getTime() };
  await store.db
    .insertInto("author_keys")
    .values({
      author: canonicalAddress(author),
      domain: author.domain,
      fingerprint,
      ...values,
    })
    .onConflict((conflict) => conflict.columns(["author", "fingerprint"]).doUpdateSet(values))
    .execute();
}

/** Notes that a key is to be asked for (again). A certificate that is known of it stays until the answer. */
export async function wantAuthorKey(
  store: Store,
  author: EmailAddress,
  fingerprint: Fingerprint,
  at: Date,
): Promise<void> {
  await store.db
    .insertInto("author_keys")
    .values({
      author: canonicalAddress(author),
      domain: author.domain,
      fingerprint,
      state: "wanted",
      certificate: new Uint8Array(),
      fetched_at: at.getTime(),
    })
    .onConflict((conflict) =>
      conflict.columns(["author", "fingerprint"]).doUpdateSet({ state: "wanted" }),
    )
    .execute();
}

/** What is known of one key of an author, at most seven days old. */
export async function readAuthorKey(
  store: Store,
  author: EmailAddress,
  fingerprint: Fingerprint,
  now: Date,
): Promise<AuthorKey | undefined> {
  const row = await store.db
    .selectFrom("author_keys")
    .selectAll()
    .where("author", "=", canonicalAddress(author))
    .where("fingerprint", "=", fingerprint)
    .where("fetched_at", ">", after(now, -CACHE_LIFE_MS).getTime())
    .where("fetched_at", "<=", now.getTime())
    .executeTakeFirst();
  return row === undefined ? undefined : toKey(row)[0];
}

/** Deletes what is seven days old or from the future; `forgetDeleted` makes it physical. */
export async function purgeAuthorKeys(store: Store, now: Date): Promise<void> {
  await store.db
    .deleteFrom("author_keys")
    .where((row) =>
      row.or([
        row("fetched_at", "<=", after(now, -CACHE_LIFE_MS).getTime()),
        row("fetched_at", ">", now.getTime()),
      ]),
    )
    .execute();
}

function toKey(row: {
  readonly author: string;
  readonly fingerprint: string;
  readonly state: string;
  readonly certificate: Uint8Array;
  readonly fetched_at: number;
}): readonly AuthorKey[] {
  const fingerprint = parseFingerprint(row.fingerprint);
  if (fingerprint === undefined) return [];
  return [
    {
      author: addressFrom(row.author),
      fingerprint,
      state: wordFrom(STATES, row.state),
      certificate: row.certificate,
      at: fromUnixMs(row.fetched_at),
    },
  ];
}
