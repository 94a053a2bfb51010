import { createHash } from "node:crypto";

import { after, DAY } from "../base/time.ts";
import type { CanonicalAddress } from "../mail/address.ts";
import type { Store } from "./store.ts";

/** So long an erased address is given to nobody: others may still have its certificate in their caches. */
export const TOMBSTONE_LIFE_MS = 30 * DAY;

/** Remembers that an address was erased, by a hash of it. */
export async function insertTombstone(
  store: Store,
  address: CanonicalAddress,
  now: Date,
): Promise<void> {
  const values = { erased_at: now.getTime() };
  await store.db
    .insertInto("tombstones")
    .values({ tag: tagOf(address), ...values })
    .onConflict((conflict) => conflict.column("tag").doUpdateSet(values))
    .execute();
}

/** Whether an address was erased within the last thirty days. */
export async function isErased(
  store: Store,
  address: CanonicalAddress,
  now: Date,
): Promise<boolean> {
  const row = await store.db
    .selectFrom("tombstones")
    .select("tag")
    .where("tag", "=", tagOf(address))
    .where("erased_at", ">", after(now, -TOMBSTONE_LIFE_MS).getTime())
    .executeTakeFirst();
  return row !== undefined;
}

/** Deletes what no longer counts. */
export async function purgeTombstones(store: Store, now: Date): Promise<void> {
  await store.db
    .deleteFrom("tombstones")
    .where("erased_at", "<=", after(now, -TOMBSTONE_LIFE_MS).getTime())
    .execute();
}

function tagOf(address: CanonicalAddress): string {
  return createHash("sha256").update("tombstone\0").update(address).digest("hex");
}
