/** Sealed mail of a mailbox that is to be opened once more: it goes back to the mail that waits, under the same IDs. */
import { holdAccount } from "../../store/accounts/account-locks.ts";
import type { MessageVerdict } from "../../store/mail/verdict.ts";
import { selectClosed } from "../../store/mailbox/closed-messages.ts";
import { selectById } from "../../store/mailbox/listing.ts";
import { holdMailbox } from "../../store/mailbox/mailboxes.ts";
import { deleteMessages } from "../../store/mailbox/message-changes.ts";
import { isShown } from "../../store/mailbox/message-rows.ts";
import { insertWaiting } from "../../store/spool/spool-rows.ts";
import type { AccountId } from "../../words/account.ts";
import { AccountGone } from "../account-gone.ts";
import type { MessageId } from "../mailbox.ts";
import type { EmbeddedDeps } from "./embedded-deps.ts";
import { asMessageId } from "./names.ts";

/** IDs of messages that are in memory at a time. */
const PAGE = 200;

/** Lets one message wait again, or all that could not be opened or count as damaged. @returns how many. */
export async function letWaitAgain(
  deps: Pick<EmbeddedDeps, "store" | "blobs">,
  account: AccountId,
  verdict: MessageVerdict,
  id?: MessageId,
): Promise<number> {
  let count = 0;
  for (let after = ""; ;) {
    const closed = await selectClosed(deps.store, account, { id, after, limit: PAGE });
    for (const one of closed) {
      if (await letOneWait(deps, account, verdict, one)) count += 1;
      after = one;
    }
    if (closed.length < PAGE) return count;
  }
}

/** Its octets stay where they are. */
async function letOneWait(
  { store, blobs }: Pick<EmbeddedDeps, "store" | "blobs">,
  account: AccountId,
  verdict: MessageVerdict,
  id: string,
): Promise<boolean> {
  const gone = await store.transaction(async (tx) => {
    await holdAccount(tx, account);
    await holdMailbox(tx, account);
    const [row] = await selectById(tx, account, [id]);
    if (row === undefined || !isShown(row)) return undefined;
    const { folder, flags, sizeBytes, receivedAt } = row;
    const inserted = await insertWaiting(tx, {
      id,
      account,
      form: "sealed",
      blob: { id: row.blob },
      summary: new Uint8Array(),
      outerFrom: "",
      messageId: row.name === "" ? undefined : asMessageId(row.name),
      envelopeId: `again ${id}`,
      contentHash: new Uint8Array(),
      sizeBytes,
      receivedAt,
      verdict,
      folder,
      flags,
    });
    if (inserted === undefined) throw new AccountGone();
    return deleteMessages(tx, account, [id]);
  });
  await blobs.remove(gone ?? []);
  return gone !== undefined;
}
