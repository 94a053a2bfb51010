/** What is found out about a stored message, by whoever may open it. */
import { sql, type RawBuilder } from "kysely";

import { type Octets, octetsIn } from "../../base/large-octets.ts";
import { deleteJob } from "../jobs/jobs.ts";
import { countChangedMessage, countedFrom, holdMessage } from "./mailbox-use.ts";
import { BODY } from "./messages.ts";
import { compiled } from "../engine/compiled.ts";
import { insertPieces, keepOnly, rowPart } from "../engine/pieces.ts";
import type { Store } from "../store.ts";
import {
  isFinal,
  verdictFrom,
  verdictText,
  type MessageVerdict,
  type ServedAtArrival,
} from "./verdict.ts";
import type { AccountId } from "../../words/account.ts";

/** What opening a message showed: its wrapped summary, and the Message-ID under which its reader sees it. */
export type ReadInside = {
  readonly summary?: Uint8Array | undefined;
  readonly messageId?: string | undefined;
  /** The same sealed message for another key pair, in place of the one that came. */
  readonly body?: Octets | undefined;
};

/**
 * Writes down what was found out about a message, which ends its waiting unless the verdict says `later`; false when this
 * account has no such message.
 */
export async function updateVerdict(
  store: Store,
  account: AccountId,
  id: string,
  verdict: MessageVerdict,
  read: ReadInside,
): Promise<boolean> {
  const { summary, body } = read;
  const isLater = !isFinal(verdict);
  return store.transaction(async (tx) => {
    const before = await holdMessage(tx, account, id);
    if (before === undefined) return isLater;
    const part = body === undefined ? undefined : rowPart(body);
    const update = tx.db
      .updateTable("messages")
      .set({
        ...columnsOf(verdict, read),
        ...(part === undefined ? {} : { body: part.inRow, pieces: part.pieces }),
        stored_bytes: storedBytes(body, summary),
      })
      .where("id", "=", id)
      .where("account", "=", account);
    // Two processes may open the same message: who knows less does not undo what the other found out.
    const updated = await (isLater ? update.where("state", "=", "pending") : update)
      .returning(["state", "stored_bytes"])
      .executeTakeFirst();
    if (updated === undefined) return isLater;
    await deleteJob(tx, { kind: "opening", subject: id });
    await countChangedMessage(tx, account, before, countedFrom(updated));
    if (body !== undefined && part !== undefined) {
      const set = { ...BODY, owner: id, name: part.pieces };
      await insertPieces(tx, set, body);
      await keepOnly(tx, set);
    }
    return true;
  });
}

/** A message whose author could not be asked about yet waits for another try. */
function columnsOf(verdict: MessageVerdict, { summary, messageId }: ReadInside) {
  return {
    state: isFinal(verdict) ? "done" : "pending",
    result_state: verdict.state,
    verdict: verdictText(verdict),
    ...(messageId === undefined ? {} : { message_id: messageId }),
    ...(summary === undefined ? {} : { summary }),
  };
}

/** What a message takes once its body and its summary are these; undefined leaves one as it is. */
function storedBytes(
  body: Octets | undefined,
  summary: Uint8Array | undefined,
): RawBuilder<number> {
  const given = octetsIn(body) + octetsIn(summary);
  if (body !== undefined && summary !== undefined) return sql<number>`${given}`;
  if (body !== undefined) return sql<number>`${given} + length(summary)`;
  if (summary !== undefined) return sql<number>`stored_bytes - length(summary) + ${given}`;
  return sql<number>`stored_bytes`;
}

/**
 * Keeps with a message that waits which keys were served when it came, whatever verdict it has by now; one that was opened
 * meanwhile keeps its own. False: somebody else changed it at the same moment, so that nothing was written.
 */
export async function keepServedKeys(
  store: Store,
  account: AccountId,
  id: string,
  served: ServedAtArrival,
): Promise<boolean> {
  const row = await selectPending(store, { account, id }).executeTakeFirst();
  if (row === undefined) return true;
  const before = verdictFrom(row.verdict);
  const verdict = { ...before, served };
  const change = { account, id, from: row.verdict, to: verdictText(verdict) };
  return (await replacePending(store, change).executeTakeFirst()) !== undefined;
}

type Named = { readonly account: string; readonly id: string };

const selectPending = compiled((db, { account, id }: Named) =>
  db
    .selectFrom("messages")
    .select("verdict")
    .where("id", "=", id)
    .where("account", "=", account)
    .where("state", "=", "pending"),
);

const replacePending = compiled(
  (db, { account, id, from, to }: Named & { readonly from: string; readonly to: string }) =>
    db
      .updateTable("messages")
      .set({ verdict: to })
      .where("id", "=", id)
      .where("account", "=", account)
      .where("state", "=", "pending")
      .where("verdict", "=", from)
      .returning("id"),
);
