/** Sealed mail of a mailbox that is to be opened once more: it goes back to the mail that waits, under the same IDs. */
import { holdAccount } from "../../store/accounts/account-locks.ts";
import { insertMessage } from "../../store/mail/messages.ts";
import type { MessageVerdict } from "../../store/mail/verdict.ts";
import { selectClosed } from "../../store/mailbox/closed-messages.ts";
import { deleteMessages } from "../../store/mailbox/message-changes.ts";
import { selectById } from "../../store/mailbox/listing.ts";
import type { AccountId } from "../../words/account.ts";
import type { MessageId } from "../mailbox.ts";
import { AccountGone } from "../account-gone.ts";
import { readBody } from "./bodies.ts";
import { asMessageId } from "./names.ts";
import type { EmbeddedDeps } from "./embedded-deps.ts";

/** Maximum number of messages that are tried again in one go. */
const MAX_RETRIED = 1000;

/** Lets one message wait again, or all that could not be opened or count as damaged. @returns how many. */
export async function letWaitAgain(
  deps: Pick<EmbeddedDeps, "store" | "blobs">,
  account: AccountId,
  verdict: MessageVerdict,
  id?: MessageId,
): Promise<number> {
  const closed = await selectClosed(deps.store, account, { id, limit: MAX_RETRIED });
  let count = 0;
  for (const one of closed) {
    if (await letOneWait(deps, account, verdict, one)) count += 1;
  }
  return count;
}

async function letOneWait(
  { store, blobs }: Pick<EmbeddedDeps, "store" | "blobs">,
  account: AccountId,
  verdict: MessageVerdict,
  id: string,
): Promise<boolean> {
  const [row] = await selectById(store, account, [id]);
  const body = row && (await readBody({ store, blobs }, account, row));
  if (row === undefined || body === undefined) return false;
  const { sizeBytes, receivedAt } = row;
  const gone = await store.transaction(async (tx) => {
    await holdAccount(tx, account);
    const deleted = await deleteMessages(tx, account, [id]);
    const inserted = await insertMessage(tx, {
      id,
      account,
      state: "pending",
      form: "sealed",
      body,
      summary: new Uint8Array(),
      outerFrom: "",
      messageId: row.name === "" ? undefined : asMessageId(row.name),
      envelopeId: `again ${id}`,
      contentHash: new Uint8Array(),
      sizeBytes,
      receivedAt,
      verdict,
    });
    if (inserted === undefined) throw new AccountGone();
    return deleted;
  });
  await blobs.remove(gone);
  return true;
}
