import { canonicalAddress } from "../../mail/address.ts";
import type { AccountId } from "../../words/account.ts";
import { eraseTrace } from "../journal/erase-trace.ts";
import { disownGenericRevocations } from "../keys/generic-revocations.ts";
import { eraseFromPublishedFile } from "../keys/published-file-of.ts";
import { deleteBlobsOf, type GoneBlob } from "../mail/blobs.ts";
import { holdMailbox } from "../mailbox/mailboxes.ts";
import type { Store } from "../store.ts";
import { listAddresses, listReleased } from "./addresses.ts";
import { reserveAddress } from "./reserved-addresses.ts";

/** What refers to a message before the messages, and those before their blobs. */
const BEFORE_BLOBS = [
  "spool",
  "search_terms",
  "search_segments",
  "draft_attachments",
  "mailbox_messages",
] as const;
const AFTER_BLOBS = ["folder_use", "folders", "mailboxes", "spool_use"] as const;

/**
 * Deletes every row of an account but what is published, in the caller's transaction, and reserves its addresses. What
 * names one of them goes too, also of addresses that it released a short time ago. `forgetDeleted` makes it physical
 * afterwards. @returns the blobs whose octets are outside of the database, to be deleted once the erasure is committed.
 */
export async function eraseAccount(
  store: Store,
  account: AccountId,
  now: Date,
): Promise<readonly GoneBlob[]> {
  const { db } = store;
  const used = (await listAddresses(store, account)).map(canonicalAddress);
  const released = await listReleased(store, account);
  const names = [...used, ...released.map(({ address }) => address)];
  await eraseFromPublishedFile(store, { account });
  // Whoever changes the mailbox takes it before its messages.
  await holdMailbox(store, account);
  for (const table of BEFORE_BLOBS) {
    await db.deleteFrom(table).where("account", "=", account).execute();
  }
  const gone = await deleteBlobsOf(store, account);
  for (const table of AFTER_BLOBS) {
    await db.deleteFrom(table).where("account", "=", account).execute();
  }
  await db.deleteFrom("protected_names").where("account", "=", account).execute();
  await db.deleteFrom("clear_counts").where("account", "=", account).execute();
  await db.deleteFrom("outbox").where("account", "=", account).execute();
  await db.deleteFrom("contact_rules").where("account", "=", account).execute();
  await db.deleteFrom("deferred").where("account", "=", account).execute();
  // After what they refer to: who begins one holds that row, and adds none once it is gone.
  await db.deleteFrom("jobs").where("account", "=", account).execute();
  await db.deleteFrom("cached_certificates").where("address", "in", names).execute();
  await db.deleteFrom("author_keys").where("author", "in", names).execute();
  await db.deleteFrom("author_answers").where("author", "in", names).execute();
  await db.deleteFrom("unusable_answers").where("address", "in", names).execute();
  const masterKeys = db.selectFrom("master_keys").select("id").where("owner", "=", account);
  await db.deleteFrom("slots").where("master_key", "in", masterKeys).execute();
  await db.deleteFrom("secret_keys").where("master_key", "in", masterKeys).execute();
  await db.deleteFrom("master_keys").where("owner", "=", account).execute();
  await db.deleteFrom("mailbox_certificates").where("account", "=", account).execute();
  await eraseTrace(store, names);
  await disownGenericRevocations(store, account);
  for (const name of used) await reserveAddress(store, name, now);
  for (const { address, at } of released) await reserveAddress(store, address, at);
  await db.deleteFrom("addresses").where("account", "=", account).execute();
  await db.deleteFrom("accounts").where("id", "=", account).execute();
  return gone;
}
