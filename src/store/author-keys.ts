import { after, DAY, fromUnixMs } from "../base/time.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import { parseFingerprint, type Fingerprint } from "../openpgp/fingerprint.ts";
import { addressFrom, wordFrom } from "./row.ts";
import type { Store } from "./store.ts";

/** Nothing of others is kept longer than this, whatever a server or a configuration says. */
export const CACHE_LIFE_MS = 7 * DAY;

const STATES = ["found", "absent", "wanted"] as const;

/**
 * A key of an author whose mail waits for its reader: `found` with its certificate, `absent` by what his keyserver said,
 * or `wanted`, to be asked for. A found one stands under its primary key, the others under what they were asked by.
 */
export type AuthorKey = {
  readonly author: EmailAddress;
  readonly fingerprint: Fingerprint;
  readonly state: (typeof STATES)[number];
  /** No bytes unless found. */
  readonly certificate: Uint8Array;
  /** When it was found, missed or noted. */
  readonly at: Date;
  /** When the domain was last known to serve it for the address; undefined where it was not seen so. */
  readonly servedAt?: Date | undefined;
};

/** More keys of one author, or more questions to one domain, are not looked at: he makes them, not we. */
const MOST_KEYS = 50;

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
    .limit(MOST_KEYS)
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
    .where("state", "=", "wanted")
    .where("fetched_at", ">", after(now, -CACHE_LIFE_MS).getTime())
    .orderBy("fetched_at")
    .orderBy("fingerprint")
    .limit(MOST_KEYS)
    .execute();
  return rows.flatMap((row) => toKey(row));
}

/** Keeps a key in place of what was known of it. */
export async function saveAuthorKey(store: Store, key: AuthorKey): Promise<void> {
  const { author, fingerprint, state, certificate, at, servedAt } = key;
  const values = {
    state,
    certificate,
    fetched_at: at.getTime(),
    ...(servedAt === undefined ? {} : { served_at: servedAt.getTime() }),
  };
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

/** Notes that a key is to be asked for (again); what was known of it counts no longer. */
export async function wantAuthorKey(
  store: Store,
  author: EmailAddress,
  fingerprint: Fingerprint,
  at: Date,
  servedAt?: Date,
): Promise<void> {
  await saveAuthorKey(store, {
    author,
    fingerprint,
    state: "wanted",
    certificate: new Uint8Array(),
    at,
    servedAt,
  });
}

/** Deletes what is seven days old or from the future; `Store.forget` makes it physical. */
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
  readonly served_at: number;
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
      servedAt: row.served_at === 0 ? undefined : fromUnixMs(row.served_at),
    },
  ];
}
