import { createHash } from "node:crypto";

import { after, DAY, fromUnixMs } from "../base/time.ts";
import type { CanonicalAddress } from "../mail/address.ts";
import type { Store } from "./store.ts";
import { findTag, makeTag } from "./tag-key.ts";

/** So long an address that was erased or given up is given to nobody else: others may have its certificate in their caches. */
export const TOMBSTONE_LIFE_MS = 30 * DAY;

const NOBODY = "";

/** Remembers that an address was erased, or that its `owner` gave it up and may take it again; by tags of both. */
export async function insertTombstone(
  store: Store,
  address: CanonicalAddress,
  now: Date,
  owner?: CanonicalAddress,
): Promise<void> {
  const values = {
    erased_at: now.getTime(),
    owner: owner === undefined ? NOBODY : await newTag(store, owner),
  };
  const tags = await tagsOf(store, address);
  await store.db.deleteFrom("tombstones").where("tag", "in", tags).execute();
  await store.db
    .insertInto("tombstones")
    .values({ tag: await newTag(store, address), ...values })
    .onConflict((conflict) => conflict.column("tag").doUpdateSet(values))
    .execute();
}

/** Whether an address was erased, or given up by another account than this one, within the last thirty days. */
export async function isBuried(
  store: Store,
  address: CanonicalAddress,
  now: Date,
  owner?: CanonicalAddress,
): Promise<boolean> {
  const row = await store.db
    .selectFrom("tombstones")
    .select("owner")
    .where("tag", "in", await tagsOf(store, address))
    .where("erased_at", ">", after(now, -TOMBSTONE_LIFE_MS).getTime())
    .executeTakeFirst();
  return (
    row !== undefined && (owner === undefined || !(await tagsOf(store, owner)).includes(row.owner))
  );
}

/** When this account released an address, if it did so within the last thirty days. */
export async function releasedAt(
  store: Store,
  address: CanonicalAddress,
  owner: CanonicalAddress,
): Promise<Date | undefined> {
  const row = await store.db
    .selectFrom("tombstones")
    .select("erased_at")
    .where("tag", "in", await tagsOf(store, address))
    .where("owner", "in", await tagsOf(store, owner))
    .executeTakeFirst();
  return row && fromUnixMs(row.erased_at);
}

/** After an account got another name, in the caller's transaction: what it gave up it may still take again. */
export async function renameTombstones(
  store: Store,
  from: CanonicalAddress,
  to: CanonicalAddress,
): Promise<void> {
  await replaceOwner(store, from, await newTag(store, to));
}

/** When an account is deleted, in the caller's transaction: what it gave up is nobody's any more. */
export async function disownTombstones(store: Store, owner: CanonicalAddress): Promise<void> {
  await replaceOwner(store, owner, NOBODY);
}

async function replaceOwner(store: Store, from: CanonicalAddress, owner: string): Promise<void> {
  await store.db
    .updateTable("tombstones")
    .set({ owner })
    .where("owner", "in", await tagsOf(store, from))
    .execute();
}

/** Deletes what no longer counts. */
export async function purgeTombstones(store: Store, now: Date): Promise<void> {
  await store.db
    .deleteFrom("tombstones")
    .where("erased_at", "<=", after(now, -TOMBSTONE_LIFE_MS).getTime())
    .execute();
}

async function newTag(store: Store, address: CanonicalAddress): Promise<string> {
  return makeTag(store, "tombstone", address);
}

/** The tag of today, and the unkeyed one of former versions. */
async function tagsOf(store: Store, address: CanonicalAddress): Promise<readonly string[]> {
  const tag = await findTag(store, "tombstone", address);
  const unkeyed = createHash("sha256").update("tombstone\0").update(address).digest("hex");
  return tag === undefined ? [unkeyed] : [tag, unkeyed];
}
