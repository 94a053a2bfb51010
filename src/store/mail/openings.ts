/**
 * How often opening a waiting message was begun. A message that ends the process each time must not be tried for ever, nor
 * at every start; and a process that was ended by something else must cost no message.
 */
import { sql } from "kysely";

import { after, DAY, MINUTE } from "../../base/time.ts";
import { countChangedMessage, countedFrom, holdMessage } from "../mailbox-use.ts";
import type { Store } from "../store.ts";
import { verdictText, type MessageVerdict } from "./verdict.ts";
import type { AccountId } from "../../words/account.ts";

/** Maximum number of openings without an end; then the message is opened alone, and rarely. */
const MOST_OPENINGS = 3;
/** Longer than any opening takes: until then another process may be at it, and nothing is known of its end. */
const IN_HAND_MS = 10 * MINUTE;
/** Maximum distance between two openings. */
const LAST_DISTANCE_MS = DAY;

/**
 * Counts an opening before it begins, so that it counts although the process dies of it; recording a verdict forgets the
 * count. `wait`: another process may be at it, or it is not time yet. `alone`: it ended too often, so it is to be
 * opened where it can end nobody else.
 */
export async function beginOpening(
  store: Store,
  account: AccountId,
  id: string,
  now: Date,
): Promise<"begun" | "alone" | "wait"> {
  return store.transaction(async ({ db }) => {
    const row = await db
      .selectFrom("messages")
      .select(["attempts", "tried_at"])
      .where("id", "=", id)
      .where("account", "=", account)
      .where("state", "=", "pending")
      .executeTakeFirst();
    if (row === undefined || row.tried_at > after(now, -distanceMs(row.attempts)).getTime()) {
      return "wait";
    }
    const begun = await db
      .updateTable("messages")
      .set({ attempts: row.attempts + 1, tried_at: now.getTime() })
      .where("id", "=", id)
      // Somebody else may have begun since.
      .where("attempts", "=", row.attempts)
      .where("tried_at", "=", row.tried_at)
      .returning("id")
      .executeTakeFirst();
    if (begun === undefined) return "wait";
    return row.attempts < MOST_OPENINGS ? "begun" : "alone";
  });
}

/** How long after an opening the next may begin: twice as long each time. */
function distanceMs(attempts: number): number {
  if (attempts < MOST_OPENINGS) return Number.NEGATIVE_INFINITY;
  return Math.min(IN_HAND_MS * 2 ** (attempts - MOST_OPENINGS), LAST_DISTANCE_MS);
}

/** Takes one back that ended without a verdict, but not with the process; its account may have another name by now. */
export async function endOpening(store: Store, id: string): Promise<void> {
  await store.db
    .updateTable("messages")
    .set({ attempts: sql<number>`attempts - 1` })
    .where("id", "=", id)
    .where("attempts", ">", 0)
    .execute();
}

/** Lets a message wait again as if it had just come. False: it is no sealed message of this account. */
export async function openAgain(
  store: Store,
  account: AccountId,
  id: string,
  verdict: MessageVerdict,
): Promise<boolean> {
  return store.transaction(async (tx) => {
    const before = await holdMessage(tx, account, id);
    if (before === undefined) return false;
    const updated = await tx.db
      .updateTable("messages")
      .set({
        state: "pending",
        attempts: 0,
        tried_at: 0,
        result_state: verdict.state,
        verdict: verdictText(verdict),
      })
      .where("id", "=", id)
      .where("account", "=", account)
      .where("form", "=", "sealed")
      .returning(["state", "stored_bytes"])
      .executeTakeFirst();
    if (updated === undefined) return false;
    await countChangedMessage(tx, account, before, countedFrom(updated));
    return true;
  });
}

/** How many messages wait that could not be opened in the usual way. */
export async function countStuck(store: Store): Promise<number> {
  const row = await store.db
    .selectFrom("messages")
    .select((of) => of.fn.countAll<number>().as("count"))
    .where("state", "=", "pending")
    .where("attempts", ">=", MOST_OPENINGS)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}
