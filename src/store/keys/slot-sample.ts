/** A sample of slots, which tells whether they were written with the current service key. */
import type { AccountId } from "../../words/account.ts";
import type { Store } from "../store.ts";
import { slotFrom, type SlotRow } from "./vault.ts";

const OF_THE_SERVICE = ["service", "provisional"] as const;
/** The service key opens a password's slot together with the password. */
const NEED_A_SERVICE_KEY = ["password", ...OF_THE_SERVICE] as const;

/** How many slots each service key took part in, by its name. */
export async function countSlotsByServiceKey(
  store: Store,
): Promise<readonly { readonly serviceKey: string; readonly count: number }[]> {
  const rows = await store.db
    .selectFrom("slots")
    .select((expression) => ["service_key", expression.fn.countAll<number>().as("count")])
    .where("kind", "in", NEED_A_SERVICE_KEY)
    .groupBy("service_key")
    .orderBy("service_key")
    .execute();
  return rows.map((row) => ({ serviceKey: row.service_key, count: Number(row.count) }));
}

/**
 * Some of the slots that a service key opens by itself, with whose they are. Of each kind it gives those that follow `from`
 * in the order of their IDs, which are random, and then the first ones.
 */
export async function sampleServiceSlots(
  store: Store,
  serviceKey: string,
  { from, limit }: { readonly from: string; readonly limit: number },
): Promise<readonly { readonly slot: SlotRow; readonly owner: AccountId }[]> {
  const found: { readonly slot: SlotRow; readonly owner: AccountId }[] = [];
  for (const kind of OF_THE_SERVICE) {
    for (const side of [">=", "<"] as const) {
      const rest = limit - found.length;
      if (rest === 0) return found;
      const rows = await store.db
        .selectFrom("slots")
        .innerJoin("master_keys", "master_keys.id", "slots.master_key")
        .selectAll("slots")
        .select("master_keys.owner")
        .where("slots.kind", "=", kind)
        .where("slots.service_key", "=", serviceKey)
        .where("slots.id", side, from)
        .orderBy("slots.id")
        .limit(rest)
        .execute();
      found.push(...rows.map((row) => ({ slot: slotFrom(row), owner: row.owner as AccountId })));
    }
  }
  return found;
}
