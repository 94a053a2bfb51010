/** Mail that is stored under another key pair than the one in force, as far as rows say it without being opened. */
import { sql } from "kysely";

import type { EmailAddress } from "../../mail/address.ts";
import type { AccountId } from "../../words/account.ts";
import { findPublished } from "../keys/certificates.ts";
import { findMailboxCertificate } from "../keys/mailbox-certificates.ts";
import type { Store } from "../store.ts";

/** Some of the accounts with a mailbox that have, or had, more than one key pair: a page of those behind `after`. */
export async function selectWithFormerPairs(
  store: Store,
  o: { readonly after: string; readonly limit: number },
): Promise<readonly AccountId[]> {
  const rows = await store.db
    .selectFrom("mailboxes")
    .select("account")
    .where("account", ">", o.after)
    .where((row) =>
      row.or([
        row.exists(
          row
            .selectFrom("mailbox_certificates as own")
            .select("own.fingerprint")
            .whereRef("own.account", "=", "mailboxes.account"),
        ),
        row.exists(
          row
            .selectFrom("generic_revocations as kept")
            .innerJoin("published_certificates as former", "former.fingerprint", "kept.fingerprint")
            .select("former.fingerprint")
            .whereRef("kept.owner", "=", "mailboxes.account")
            .where("former.state", "<>", sql.lit("active")),
        ),
      ]),
    )
    .orderBy("account")
    .limit(o.limit)
    .execute();
  return rows.map(({ account }) => account as AccountId);
}

/** A key pair, and since when it is in force (ms). */
export type PresentPair = { readonly fingerprint: string; readonly since: number };

/** The key pair that an account's mail at rest is encrypted to; undefined where no secret key of it is here. */
export async function readPresentPair(
  store: Store,
  account: AccountId,
  address: EmailAddress,
): Promise<PresentPair | undefined> {
  const own = await findMailboxCertificate(store, account);
  const present = own ?? (await findPublished(store, address));
  if (present === undefined) return undefined;
  const { fingerprint } = present;
  const row = await store.db
    .selectFrom("secret_keys")
    .select("created_at")
    .where("fingerprint", "=", fingerprint)
    .executeTakeFirst();
  return row && { fingerprint, since: row.created_at };
}

/**
 * How many messages of an account may need another key pair: the row of a summary, a body or an attachment names one, or
 * names none and is older than the pair that is in force. Only opening a message shows what it needs.
 */
export async function countUnderOthers(
  store: Store,
  account: AccountId,
  { fingerprint, since }: PresentPair,
): Promise<number> {
  const { count } = await store.db
    .selectFrom("mailbox_messages as message")
    .innerJoin("blobs as body", "body.id", "message.blob")
    .select((of) => of.fn.countAll<number>().as("count"))
    .where("message.account", "=", account)
    .where((row) =>
      row.or([
        row("message.key", "not in", ["", fingerprint]),
        row("body.key", "not in", ["", fingerprint]),
        row.and([row("body.key", "=", ""), row("message.received_at", "<", since)]),
        row.exists(
          row
            .selectFrom("draft_attachments as attached")
            .innerJoin("blobs as octets", "octets.id", "attached.blob")
            .select("octets.id")
            .whereRef("attached.account", "=", "message.account")
            .whereRef("attached.message", "=", "message.id")
            .where("octets.key", "<>", fingerprint),
        ),
      ]),
    )
    .executeTakeFirstOrThrow();
  return count;
}
