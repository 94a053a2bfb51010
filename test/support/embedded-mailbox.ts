/** A mailbox in our own database, of one account, with its reader's keys. */
import assert from "node:assert/strict";

import { openBlobs, type BlobPlaces, type BlobStore } from "../../src/blobs/blobs.ts";
import { HOUR } from "../../src/base/time.ts";
import { outlineOf } from "../../src/incoming/outline.ts";
import { summaryOf } from "../../src/incoming/summary.ts";
import { draft } from "../../src/incoming/verdicts.ts";
import { parseHeader } from "../../src/mail/header.ts";
import type { Drafts } from "../../src/mailbox/drafts/drafts.ts";
import { openDrafts } from "../../src/mailbox/embedded/drafts.ts";
import { openEmbedded, type EmbeddedDeps } from "../../src/mailbox/embedded/embedded.ts";
import { bodyForMailbox, bodyOfRow } from "../../src/mailbox/embedded/stored-form.ts";
import { MailboxWatch } from "../../src/mailbox/embedded/watch.ts";
import type { Mailbox } from "../../src/mailbox/mailbox.ts";
import { messageWorkHere } from "../../src/incoming/message-work.ts";
import type { Summary } from "../../src/mailbox/summary.ts";
import type { UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";
import { decrypt } from "../../src/openpgp/messages/decrypt.ts";
import { encryptAtRest } from "../../src/openpgp/messages/encrypt.ts";
import { findAccount } from "../../src/store/accounts/accounts.ts";
import type { Store } from "../../src/store/store.ts";
import { UnlockedKeys } from "../../src/vault/unlocked-keys.ts";
import type { Account } from "../../src/words/account.ts";
import { haveAccounts } from "./accounts.ts";
import { addressOf } from "./address.ts";
import { fakeClock } from "./clock.ts";
import { NOW, ownKey } from "./openpgp-messages.ts";

const bob = addressOf("bob@beta.test");
const own = await ownKey("bob@beta.test", "compat");

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
  /** The drafts, with the reader's keys or without; `roomBytes` is the room that is left, by default much. */
  readonly openDrafts: (o?: {
    readonly as?: UnlockedKeys;
    readonly isClosed?: boolean;
    readonly roomBytes?: number;
  }) => Drafts;
};

/** Adds the account to a store, or finds it there. Removed messages can be restored for an hour. */
export async function embeddedMailbox(
  store: Store,
  places: BlobPlaces = { bodies: "database", bodiesFolder: "/nonexistent" },
  key: UnlockedKey = own,
): Promise<EmbeddedMailbox> {
  const keys = new UnlockedKeys([key], key.fingerprint, []);
  if ((await findAccount(store, bob)) === undefined) await haveAccounts(store, bob);
  const account = await findAccount(store, bob);
  assert(account);
  const clock = fakeClock();
  const blobs = openBlobs({ store, clock }, places);
  const depsAs = (reader: UnlockedKeys): EmbeddedDeps => {
    const recipients = [reader.mailbox ?? key].map(({ certificate }) => certificate);
    return {
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
  };
  const openAs = (reader: UnlockedKeys, isOpen = true): Mailbox =>
    openEmbedded(depsAs(reader), account, isOpen ? reader : undefined);
  return {
    store,
    account,
    keys,
    clock,
    blobs,
    open: () => openAs(keys),
    openClosed: () => openAs(keys, false),
    openAs,
    openDrafts: ({ as = keys, isClosed = false, roomBytes = 1e9 } = {}) => {
      const hasRoom = async (_owner: unknown, bytes: number) => Promise.resolve(bytes <= roomBytes);
      const withRoom = { ...depsAs(as), hasRoom, summaryOf: draftSummary };
      return openDrafts(withRoom, account, isClosed ? undefined : as);
    },
  };
}

/** What the mailbox says it takes is what its rows and blobs come to. */
export async function requireCounted(
  { store, account }: Pick<EmbeddedMailbox, "store" | "account">,
  mailbox: Mailbox,
): Promise<void> {
  const rows = await store.db
    .selectFrom("mailbox_messages")
    .innerJoin("blobs", "blobs.id", "blob")
    .select(["summary", "stored_bytes", "size"])
    .where("mailbox_messages.account", "=", account.id)
    .execute();
  for (const { summary, stored_bytes, size } of rows) {
    assert.equal(stored_bytes, size + summary.length);
  }
  const { messages, bytes } = await mailbox.figures();
  const sum = rows.reduce((total, row) => total + row.stored_bytes, 0);
  assert.deepEqual({ messages, bytes }, { messages: rows.length, bytes: sum });
}

async function draftSummary(message: Uint8Array): Promise<Summary> {
  const { header } = parseHeader(message);
  const summary = summaryOf({ header, verdict: draft(NOW), outline: outlineOf(message) });
  return Promise.resolve(summary);
}
