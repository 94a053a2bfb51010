import { after, fromUnixMs, HOUR } from "../../base/time.ts";
import { canonicalAddress, type EmailAddress } from "../../mail/address.ts";
import type { Store } from "../store.ts";
import { CACHE_LIFE_MS } from "./author-keys.ts";

/** One write an hour for an address is enough to know that it is still asked for. */
const RENEW_MS = HOUR;

/**
 * Notes that the only certificate of an address cannot be used, and says since when. The time begins again after seven
 * days in which nobody asked, and where it is in the future because a clock was set back.
 */
export async function unusableSince(
  store: Store,
  address: EmailAddress,
  reason: string,
  now: Date,
): Promise<Date> {
  const key = canonicalAddress(address);
  const known = await store.db
    .selectFrom("unusable_answers")
    .selectAll()
    .where("address", "=", key)
    .where("last_at", ">", after(now, -CACHE_LIFE_MS).getTime())
    .where("last_at", "<=", now.getTime())
    .executeTakeFirst();
  const firstAt = known?.first_at ?? now.getTime();
  const isNoted = known?.reason === reason && known.last_at > after(now, -RENEW_MS).getTime();
  if (!isNoted) {
    const values = { reason, first_at: firstAt, last_at: now.getTime() };
    await store.db
      .insertInto("unusable_answers")
      .values({ address: key, ...values })
      .onConflict((conflict) => conflict.column("address").doUpdateSet(values))
      .execute();
  }
  return fromUnixMs(firstAt);
}

/** Forgets the note: the address has a usable certificate, or certainly none. */
export async function forgetUnusable(store: Store, address: EmailAddress): Promise<void> {
  await store.db
    .deleteFrom("unusable_answers")
    .where("address", "=", canonicalAddress(address))
    .execute();
}

/** Deletes what nobody asked for in seven days, and what is from the future; `forgetDeleted` makes it physical. */
export async function purgeUnusable(store: Store, now: Date): Promise<void> {
  await store.db
    .deleteFrom("unusable_answers")
    .where((row) =>
      row.or([
        row("last_at", "<=", after(now, -CACHE_LIFE_MS).getTime()),
        row("last_at", ">", now.getTime()),
      ]),
    )
    .execute();
}
