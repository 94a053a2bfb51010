/** Mailboxes for tests that deliver, open or read, and what is in them. */
import assert from "node:assert/strict";

import type { Octets } from "../../src/base/large-octets.ts";
import { HOUR, type Clock } from "../../src/base/time.ts";
import { listMessages } from "../../src/mailbox/embedded.ts";
import { openEmbedded, type MailboxOwner } from "../../src/mailbox/embedded/embedded.ts";
import { bodyWith } from "../../src/mailbox/embedded/stored-form.ts";
import { MailboxWatch } from "../../src/mailbox/embedded/watch.ts";
import { standardFolder, type Mailbox, type MailboxEntry } from "../../src/mailbox/mailbox.ts";
import { decrypt } from "../../src/openpgp/messages/decrypt.ts";
import type { Store } from "../../src/store/store.ts";
import type { UnlockedKeys } from "../../src/vault/unlocked-keys.ts";
import type { AccountId } from "../../src/words/account.ts";

type MailboxOf = (store: Store, owner: MailboxOwner, keys?: UnlockedKeys) => Mailbox;
type Wrap = (owner: MailboxOwner, data: Octets) => Promise<Uint8Array>;

/** Mailboxes whose octets at rest are what `wrapFor` makes of them. */
export function mailboxesWith(
  clock: Clock,
  wrapFor: Wrap = async () => Promise.reject(new Error("nothing is wrapped here")),
): MailboxOf {
  return (store, owner, keys) =>
    openEmbedded(
      {
        store,
        clock,
        undoMs: HOUR,
        watch: new MailboxWatch(store, (error) => assert.fail(String(error))),
        wrapFor,
        bodyFor: async (account, message) =>
          bodyWith(message, async (data) => wrapFor(account, data)),
        decrypt,
      },
      owner,
      keys,
    );
}

/** How many messages an account has, waiting or in its mailbox. */
export async function countMail(store: Store, account: AccountId): Promise<number> {
  const kept = await store.db
    .selectFrom("mailbox_messages")
    .select("id")
    .where("account", "=", account)
    .execute();
  return kept.length + (await listMessages(store, account)).length;
}

/** The newest hundred messages of the inbox. */
export async function inboxOf(mailbox: Mailbox): Promise<readonly MailboxEntry[]> {
  return (await mailbox.list(standardFolder("inbox"), { limit: 100 })).entries;
}
