/** How often opening a waiting message was begun: one that ends the process each time must not be tried for ever. */
import { sql } from "kysely";

import { after, MINUTE } from "../base/time.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import type { Store } from "./store.ts";

const MOST_OPENINGS = 3;
/** Longer than any opening takes: until then another process may be at it, and nothing is known of its end. */
const IN_HAND_MS = 10 * MINUTE;

/**
 * Counts an opening before it begins, so that it counts although the process dies of it. `in-hand`: as many as may be
 * tried are, or may be, at work now. Recording the verdict forgets the count.
 */
export async function beginOpening(
  store: Store,
  account: EmailAddress,
  id: string,
  now: Date,
): Promise<"begun" | "in-hand" | "too-often"> {
  const begun = await store.db
    .updateTable("messages")
    .set({ attempts: sql<number>`attempts + 1`, tried_at: now.getTime() })
    .where("id", "=", id)
    .where("account", "=", canonicalAddress(account))
    .where("attempts", "<", MOST_OPENINGS)
    .returning("id")
    .executeTakeFirst();
  if (begun !== undefined) return "begun";
  const row = await store.db
    .selectFrom("messages")
    .select("tried_at")
    .where("id", "=", id)
    .where("account", "=", canonicalAddress(account))
    .where("state", "=", "pending")
    .executeTakeFirst();
  const isOver = row !== undefined && row.tried_at <= after(now, -IN_HAND_MS).getTime();
  return isOver ? "too-often" : "in-hand";
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
