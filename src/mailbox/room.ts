import { readMailbox } from "../store/mailbox/mailboxes.ts";
import { readSpoolUse } from "../store/spool/spool-use.ts";
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
  const use = await readSpoolUse(store, account);
  const { bytes } = await readMailbox(store, account);
  if (bytes + use.bytes + sizeBytes > quota.mailboxBytes) return "mailbox-full";
  return use.bytes + sizeBytes > quota.pendingBytes ? "pending-full" : "room";
}
