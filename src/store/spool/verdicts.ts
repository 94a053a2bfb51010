/** What is known of a message that waits, so far. */
import { sql } from "kysely";

import type { AccountId } from "../../words/account.ts";
import { compiled } from "../engine/compiled.ts";
import { deleteJob } from "../jobs/jobs.ts";
import {
  verdictFrom,
  verdictText,
  type MessageVerdict,
  type ServedAtArrival,
} from "../mail/verdict.ts";
import type { Store } from "../store.ts";
import { holdWaiting } from "./spool-rows.ts";
import { countWaiting } from "./spool-use.ts";

/** What opening a message showed: its wrapped summary, and the Message-ID under which its reader sees it. */
export type ReadInside = {
  readonly summary?: Uint8Array | undefined;
  readonly messageId?: string | undefined;
};

/**
 * Writes down what was found out about a message that goes on waiting, and forgets how often opening it was begun. False:
 * this account has no such message, or another process found out more, and it waits no longer.
 */
export async function updateVerdict(
  store: Store,
  account: AccountId,
  id: string,
  verdict: MessageVerdict,
  { summary, messageId }: ReadInside,
): Promise<boolean> {
  return store.transaction(async (tx) => {
    if (!(await holdWaiting(tx, account, id))) return false;
    const more = summary === undefined ? 0 : summary.length - (await summaryLength(tx, id));
    await tx.db
      .updateTable("spool")
      .set((row) => ({
        verdict: verdictText(verdict),
        ...(messageId === undefined ? {} : { message_id: messageId }),
        ...(summary === undefined ? {} : { summary, stored_bytes: row("stored_bytes", "+", more) }),
      }))
      .where("id", "=", id)
      .where("account", "=", account)
      .execute();
    await deleteJob(tx, { kind: "opening", subject: id });
    if (more !== 0) await countWaiting(tx, account, { messages: 0, bytes: more });
    return true;
  });
}

async function summaryLength(tx: Store, id: string): Promise<number> {
  const { length } = await tx.db
    .selectFrom("spool")
    .select(sql<number>`length(summary)`.as("length"))
    .where("id", "=", id)
    .executeTakeFirstOrThrow();
  return Number(length);
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
  const row = await selectVerdict(store, { account, id }).executeTakeFirst();
  if (row === undefined) return true;
  const verdict = { ...verdictFrom(row.verdict), served };
  const change = { account, id, from: row.verdict, to: verdictText(verdict) };
  return (await replaceVerdict(store, change).executeTakeFirst()) !== undefined;
}

type Named = { readonly account: string; readonly id: string };

const selectVerdict = compiled((db, { account, id }: Named) =>
  db.selectFrom("spool").select("verdict").where("id", "=", id).where("account", "=", account),
);

const replaceVerdict = compiled(
  (db, { account, id, from, to }: Named & { readonly from: string; readonly to: string }) =>
    db
      .updateTable("spool")
      .set({ verdict: to })
      .where("id", "=", id)
      .where("account", "=", account)
      .where("verdict", "=", from)
      .returning("id"),
);
