import { after, fromUnixMs } from "../../base/time.ts";
import { canonicalAddress, type EmailAddress } from "../../mail/address.ts";
import { wordFrom } from "../engine/row.ts";
import type { Store } from "../store.ts";
import { CACHE_LIFE_MS } from "./author-keys.ts";

const CODES = ["OK", "NOKEY", "BADKEY", "NOSVC", "INSEC"] as const;

/** What a domain answered about the address of an author whose mail came in. */
export type StoredAnswer = {
  readonly code: (typeof CODES)[number];
  /** The certificates that were served, one behind the other in binary; empty without any. */
  readonly certificates: Uint8Array;
  /** When the question was sent. */
  readonly askedAt: Date;
  /** For how long after the question the answer holds for mail that arrives, in milliseconds. */
  readonly validMs: number;
};

/** The newest answer about an address, at most seven days old. An answer from the future, by a clock set back, is none. */
export async function readAuthorAnswer(
  store: Store,
  author: EmailAddress,
  now: Date,
): Promise<StoredAnswer | undefined> {
  const row = await store.db
    .selectFrom("author_answers")
    .selectAll()
    .where("author", "=", canonicalAddress(author))
    .where("asked_at", ">", after(now, -CACHE_LIFE_MS).getTime())
    .where("asked_at", "<=", now.getTime())
    .executeTakeFirst();
  return (
    row && {
      code: wordFrom(CODES, row.code),
      certificates: row.certificates,
      askedAt: fromUnixMs(row.asked_at),
      validMs: row.valid_ms,
    }
  );
}

/** Keeps an answer in place of the one before. */
export async function saveAuthorAnswer(
  store: Store,
  author: EmailAddress,
  { code, certificates, askedAt, validMs }: StoredAnswer,
): Promise<void> {
  const values = { code, certificates, asked_at: askedAt.getTime(), valid_ms: validMs };
  await store.db
    .insertInto("author_answers")
    .values({ author: canonicalAddress(author), ...values })
    .onConflict((conflict) => conflict.column("author").doUpdateSet(values))
    .execute();
}

/** Deletes what is seven days old or from the future; `forgetDeleted` makes it physical. */
export async function purgeAuthorAnswers(store: Store, now: Date): Promise<void> {
  await store.db
    .deleteFrom("author_answers")
    .where((row) =>
      row.or([
        row("asked_at", "<=", after(now, -CACHE_LIFE_MS).getTime()),
        row("asked_at", ">", now.getTime()),
      ]),
    )
    .execute();
}
