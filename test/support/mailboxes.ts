/** Mailboxes for tests that deliver, open or read, and what is in them. */
import assert from "node:assert/strict";

import type { Octets } from "../../src/base/large-octets.ts";
import { HOUR, type Clock } from "../../src/base/time.ts";
import { unknownBut } from "../../src/incoming/verdicts.ts";
import { readMessage } from "../../src/spool/spool.ts";
import { walkWaiting } from "../../src/spool/waiting-list.ts";
import { summaryIn } from "../../src/mailbox/embedded/entries.ts";
import { MailboxKeys } from "../../src/mailbox/embedded/mailbox-keys.ts";
import { openEmbedded } from "../../src/mailbox/embedded/embedded.ts";
import { bodyForMailbox, bodyOfRow, bodyWith } from "../../src/mailbox/embedded/stored-form.ts";
import { MailboxWatch } from "../../src/mailbox/embedded/watch.ts";
import type { MailboxOf, MailboxOwner } from "../../src/mailbox/mailbox-of.ts";
import type { MessageId, ResultState } from "../../src/mailbox/mailbox.ts";
import type { WaitingSummary } from "../../src/spool/spool.ts";
import { messageWorkHere } from "../../src/incoming/message-work.ts";
import { summaryFrom } from "../../src/mailbox/summary.ts";
import { decrypt } from "../../src/openpgp/messages/decrypt.ts";
import type { UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";
import { readBlob } from "../../src/store/mail/blobs.ts";
import { selectById } from "../../src/store/mailbox/listing.ts";
import { type MailboxRow } from "../../src/store/mailbox/message-rows.ts";
import type { Store } from "../../src/store/store.ts";
import { blobsIn, spoolIn } from "./spool.ts";
import { UnlockedKeys } from "../../src/vault/unlocked-keys.ts";
import type { AccountId } from "../../src/words/account.ts";

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
        blobs: blobsIn(store),
        undoMs: HOUR,
        watch: new MailboxWatch(store, (error) => assert.fail(String(error))),
        wrapFor,
        bodyFor: async (account, message) =>
          bodyWith(message, async (data) => wrapFor(account, data)),
        bodyOfRow,
        bodyForMailbox,
        decrypt,
        textTermsOf: messageWorkHere.textTerms,
        segmentOf: messageWorkHere.segmentOf,
      },
      owner,
      keys,
    );
}

/** A message of an account, whether it waits or is in the mailbox. */
export type AnyMail = Pick<
  WaitingSummary,
  "id" | "form" | "verdict" | "messageId" | "receivedAt" | "sizeBytes"
> & { readonly state: "pending" | "done" };

/**
 * All messages of an account, the newest first. Of what is in the mailbox `keys` open the verdict; without them its state is
 * there alone.
 */
export async function allMail(
  store: Store,
  account: AccountId,
  keys: readonly UnlockedKey[] = [],
): Promise<readonly AnyMail[]> {
  const rows = await store.db
    .selectFrom("mailbox_messages")
    .select("id")
    .where("account", "=", account)
    .execute();
  const ids = rows.map(({ id }) => id);
  const kept = await Promise.all(
    (await selectById(store, account, ids)).map(async (row) => keptMail(account, row, keys)),
  );
  const waiting = await Array.fromAsync(walkWaiting(store, account));
  return [...waiting.map((one) => ({ ...one, state: "pending" as const })), ...kept].toSorted(
    (a, b) => b.receivedAt.getTime() - a.receivedAt.getTime(),
  );
}

async function keptMail(
  account: AccountId,
  row: MailboxRow,
  keys: readonly UnlockedKey[],
): Promise<AnyMail> {
  const open = MailboxKeys.of(account, new UnlockedKeys(keys, keys[0]?.fingerprint, []));
  // Some tests wrap by doing nothing.
  const summary = summaryFrom(row.summary) ?? (open && (await summaryIn({ decrypt }, row, open)));
  return {
    id: row.id as MessageId,
    state: "done",
    form: row.form === "sealed" ? "sealed" : "wrapped",
    verdict: summary?.verdict ?? unknownBut(row.state as ResultState, row.receivedAt),
    messageId: summary && `<${summary.messageId}>`,
    receivedAt: row.receivedAt,
    sizeBytes: row.sizeBytes,
  };
}

/** The octets that are stored of a message, in the form in which they are. */
export async function storedBody(
  store: Store,
  account: AccountId,
  id: string,
): Promise<Uint8Array | undefined> {
  const [row] = await selectById(store, account, [id]);
  if (row !== undefined) {
    const content = await readBlob(store, row.blob);
    return content?.place === "database" ? content.octets : undefined;
  }
  return (await readMessage(spoolIn(store), account, id))?.body;
}
