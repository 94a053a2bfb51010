import { after } from "../base/time.ts";
import { canonicalAddress, type CanonicalAddress, type EmailAddress } from "../mail/address.ts";
import type { Store } from "./store.ts";
import { TOMBSTONE_LIFE_MS } from "./tombstones.ts";

/**
 * Remembers that an account gave up an address, so that an erasure finds what still names it. As long as nobody else gets
 * the address: what names it later may be about somebody else.
 */
export async function insertFormerAddress(
  store: Store,
  address: EmailAddress,
  account: EmailAddress,
  now: Date,
): Promise<void> {
  const at = { given_up_at: now.getTime() };
  await store.db
    .insertInto("former_addresses")
    .values({ address: canonicalAddress(address), account: canonicalAddress(account), ...at })
    .onConflict((conflict) => conflict.columns(["address", "account"]).doUpdateSet(at))
    .execute();
}

/** What an account gave up within the last thirty days and nobody else has. */
export async function listFormerAddresses(
  store: Store,
  account: EmailAddress,
): Promise<readonly CanonicalAddress[]> {
  const rows = await store.db
    .selectFrom("former_addresses")
    .select("address")
    .where("account", "=", canonicalAddress(account))
    .orderBy("address")
    .execute();
  return rows.map(({ address }) => address as CanonicalAddress);
}

/** When somebody gets an address: from now on what names it is about them. */
export async function forgetFormerAddress(store: Store, address: EmailAddress): Promise<void> {
  await store.db
    .deleteFrom("former_addresses")
    .where("address", "=", canonicalAddress(address))
    .execute();
}

/** Deletes what no longer counts. */
export async function purgeFormerAddresses(store: Store, now: Date): Promise<void> {
  await store.db
    .deleteFrom("former_addresses")
    .where("given_up_at", "<=", after(now, -TOMBSTONE_LIFE_MS).getTime())
    .execute();
}
