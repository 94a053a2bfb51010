import { AppError } from "../base/errors.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import { readAccount } from "../store/accounts.ts";
import { findAliased } from "../store/aliases.ts";
import type { Store } from "../store/store.ts";
import { isBuried } from "../store/tombstones.ts";

/**
 * An address is one account's only. After an erasure it is nobody's for thirty days, and after it was given up nobody's but
 * that of its former `owner`. In a transaction that has written to the audit log before: that is what two who want the same
 * address at once wait for.
 * @throws AppError when it is not free.
 */
export async function requireFree(
  tx: Store,
  address: EmailAddress,
  now: Date,
  owner?: EmailAddress,
): Promise<void> {
  if ((await readAccount(tx, address)) !== undefined) {
    throw new AppError("this address is taken: there is an account with this address", {
      temporary: false,
    });
  }
  if ((await findAliased(tx, address)) !== undefined) {
    throw new AppError("this address is taken: it is an alias of an account", { temporary: false });
  }
  const by = owner === undefined ? undefined : canonicalAddress(owner);
  if (await isBuried(tx, canonicalAddress(address), now, by)) {
    throw new AppError("this address was erased or given up less than 30 days ago", {
      temporary: false,
    });
  }
}
