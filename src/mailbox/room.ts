import { readOctets } from "../store/mailbox/mailboxes.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";

/** How much a mailbox may hold. */
export type Quota = { readonly mailboxBytes: number; readonly pendingBytes: number };

/** Whether a message of this size fits, and if not, which quota it would break. */
export async function roomFor(
  store: Store,
  account: AccountId,
  quota: Quota,
  sizeBytes: number,
): Promise<"room" | "mailbox-full" | "pending-full"> {
  const { waiting, kept } = await readOctets(store, account);
  if (kept + waiting + sizeBytes > quota.mailboxBytes) return "mailbox-full";
  return waiting + sizeBytes > quota.pendingBytes ? "pending-full" : "room";
}
