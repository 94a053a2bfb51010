/** A mailbox in our own database, of one account, with its reader's keys. */
import assert from "node:assert/strict";

import { openBlobs, type BlobPlaces, type BlobStore } from "../../src/blobs/blobs.ts";
import { HOUR } from "../../src/base/time.ts";
import { openEmbedded, type EmbeddedDeps } from "../../src/mailbox/embedded/embedded.ts";
import { bodyForMailbox, bodyOfRow } from "../../src/mailbox/embedded/stored-form.ts";
import { MailboxWatch } from "../../src/mailbox/embedded/watch.ts";
import type { Mailbox } from "../../src/mailbox/mailbox.ts";
import { messageWorkHere } from "../../src/incoming/message-work.ts";
import { decrypt } from "../../src/openpgp/messages/decrypt.ts";
import { encryptAtRest } from "../../src/openpgp/messages/encrypt.ts";
import { findAccount } from "../../src/store/accounts/accounts.ts";
import type { Store } from "../../src/store/store.ts";
import { UnlockedKeys } from "../../src/vault/unlocked-keys.ts";
import type { Account } from "../../src/words/account.ts";
import { haveAccounts } from "./accounts.ts";
import { addressOf } from "./address.ts";
import { fakeClock } from "./clock.ts";
import { ownKey } from "./openpgp-messages.ts";

const bob = addressOf("bob@beta.test");
const key = await ownKey("bob@beta.test", "compat");
const keys = new UnlockedKeys([key], key.fingerprint, []);

export type EmbeddedMailbox = {
  readonly store: Store;
  readonly account: Account;
  readonly keys: UnlockedKeys;
  readonly clock: ReturnType<typeof fakeClock>;
  readonly blobs: BlobStore;
  readonly open: () => Mailbox;
  readonly openClosed: () => Mailbox;
  /** With other keys of the reader; mail that comes is encrypted to the one of their mailbox, also while that is closed. */
  readonly openAs: (keys: UnlockedKeys, isOpen?: boolean) => Mailbox;
};

/** Adds the account to a store, or finds it there. Removed messages can be restored for an hour. */
export async function embeddedMailbox(
  store: Store,
  places: BlobPlaces = { bodies: "database", bodiesFolder: "/nonexistent" },
): Promise<EmbeddedMailbox> {
  if ((await findAccount(store, bob)) === undefined) await haveAccounts(store, bob);
  const account = await findAccount(store, bob);
  assert(account);
  const clock = fakeClock();
  const blobs = openBlobs({ store, clock }, places);
  const openAs = (reader: UnlockedKeys, isOpen = true): Mailbox => {
    const recipients = [reader.mailbox ?? key].map(({ certificate }) => certificate);
    const deps: EmbeddedDeps = {
      store,
      clock,
      blobs,
      undoMs: HOUR,
      watch: new MailboxWatch(store, (error) => assert.fail(String(error))),
      wrapFor: async (_account, data) =>
        encryptAtRest({ data, recipients, now: clock.now(), isOwn: true }),
      bodyFor: async (_account, message) => bodyOfRow({ ...message, recipients, now: clock.now() }),
      bodyOfRow,
      bodyForMailbox,
      decrypt,
      textTermsOf: messageWorkHere.textTerms,
      segmentOf: messageWorkHere.segmentOf,
    };
    return openEmbedded(deps, account, isOpen ? reader : undefined);
  };
  return {
    store,
    account,
    keys,
    clock,
    blobs,
    open: () => openAs(keys),
    openClosed: () => openAs(keys, false),
    openAs,
  };
}
