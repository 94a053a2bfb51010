import { AppError } from "../base/errors.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import { readAccount } from "../store/accounts.ts";
import { findAliased } from "../store/aliases.ts";
import type { Store } from "../store/store.ts";
import { isErased } from "../store/tombstones.ts";

/**
 * An address is one account's only, and after an erasure for thirty days nobody's. In a transaction that has written to
 * the audit log before: that is what two who want the same address at once wait for.
 * @throws AppError when it is not free.
 */
export async function requireFree(tx: Store, address: EmailAddress, now: Date): Promise<void> {
  if ((await readAccount(tx, address)) !== undefined) {
    throw new AppError("this address is taken: there is an account with this address", {
      temporary: false,
    });
  }
  if ((await findAliased(tx, address)) !== undefined) {
    throw new AppError("this address is taken: it is an alias of an account", { temporary: false });
  }
  if (await isErased(tx, canonicalAddress(address), now)) {
    throw new AppError("this address was erased less than 30 days ago", { temporary: false });
  }
}
