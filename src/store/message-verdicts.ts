/** What is found out about a stored message, by whoever may open it. */
import { sql, type RawBuilder } from "kysely";

import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import type { Store } from "./store.ts";
import { verdictText, type MessageVerdict } from "./verdict.ts";

/** What opening a message showed: its wrapped summary, and the Message-ID under which its reader sees it. */
export type ReadInside = {
  readonly summary?: Uint8Array | undefined;
  readonly messageId?: string | undefined;
  /** The same sealed message for another key pair, in place of the one that came. */
  readonly body?: Uint8Array | undefined;
};

/**
 * Writes down what was found out about a message, which ends its waiting unless the verdict says `later`; false when this
 * account has no such message.
 */
export async function updateVerdict(
  store: Store,
  account: EmailAddress,
  id: string,
  verdict: MessageVerdict,
  { summary, messageId, body }: ReadInside,
): Promise<boolean> {
  const isLater = verdict.check === "later";
  const update = store.db
    .updateTable("messages")
    .set({
      // A message whose author could not be asked about yet waits for another try.
      state: isLater ? "pending" : "done",
      result_state: verdict.state,
      verdict: verdictText(verdict),
      attempts: 0,
      ...(messageId === undefined ? {} : { message_id: messageId }),
      ...(summary === undefined
        ? {}
        : { summary, stored_bytes: storedBytes(body, summary.length) }),
      ...(body === undefined ? {} : { body }),
    })
    .where("id", "=", id)
    .where("account", "=", canonicalAddress(account));
  // Two processes may open the same message: who knows less does not undo what the other found out.
  const updated = await (isLater ? update.where("state", "=", "pending") : update)
    .returning("id")
    .executeTakeFirst();
  return isLater || updated !== undefined;
}

function storedBytes(body: Uint8Array | undefined, summaryBytes: number): RawBuilder<number> {
  return body === undefined
    ? sql<number>`length(body) + ${summaryBytes}`
    : sql<number>`${body.length + summaryBytes}`;
}
