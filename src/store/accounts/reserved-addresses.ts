/**
 * Addresses of erased accounts, which nobody gets for thirty days. A row names its address by a keyed tag alone: whoever has
 * the database cannot test an address against it.
 */
import { after } from "../../base/time.ts";
import {
  canonicalAddress,
  withoutSubaddress,
  type CanonicalAddress,
  type Domain,
} from "../../mail/address.ts";
import { findTag, makeTag } from "../keys/tag-key.ts";
import type { Store } from "../store.ts";
import { BLOCKED_MS } from "./addresses.ts";

/**
 * Reserves an address of an account that is erased; `from` is when the thirty days begin. With `x+y` goes `x`, to whose
 * owner mail for `x+y` would go.
 */
export async function reserveAddress(
  store: Store,
  address: CanonicalAddress,
  from: Date,
): Promise<void> {
  const values = { reserved_at: from.getTime() };
  const at = address.lastIndexOf("@");
  const local = address.slice(0, at);
  const base = canonicalAddress(
    withoutSubaddress({ local, domain: address.slice(at + 1) as Domain }),
  );
  for (const name of new Set([address, base])) {
    await store.db
      .insertInto("reserved_addresses")
      .values({ tag: await makeTag(store, "reserved", name), ...values })
      .onConflict((conflict) =>
        conflict
          .column("tag")
          .doUpdateSet(values)
          .where("reserved_addresses.reserved_at", "<", values.reserved_at),
      )
      .execute();
  }
}

/** Whether an address belonged to an account that was erased within the last thirty days. */
export async function isReserved(
  store: Store,
  address: CanonicalAddress,
  now: Date,
): Promise<boolean> {
  const tag = await findTag(store, "reserved", address);
  if (tag === undefined) return false;
  const row = await store.db
    .selectFrom("reserved_addresses")
    .select("tag")
    .where("tag", "=", tag)
    .where("reserved_at", ">", after(now, -BLOCKED_MS).getTime())
    .executeTakeFirst();
  return row !== undefined;
}

/** Deletes the reservations that are over. */
export async function purgeReserved(store: Store, now: Date): Promise<void> {
  await store.db
    .deleteFrom("reserved_addresses")
    .where("reserved_at", "<=", after(now, -BLOCKED_MS).getTime())
    .execute();
}
