import { AppError } from "../base/errors.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import { revocationOf } from "../openpgp/acceptance.ts";
import { readAccount } from "../store/accounts.ts";
import { findAliased } from "../store/aliases.ts";
import { listPublished, stopServing } from "../store/certificates.ts";
import { forgetFormerAddress } from "../store/former-addresses.ts";
import { selectGenericRevocation } from "../store/generic-revocations.ts";
import type { Store } from "../store/store.ts";
import { isBuried } from "../store/tombstones.ts";
import { certificateIn } from "./publication.ts";

/**
 * Takes an address for an account, in the transaction in which it becomes its own. `owner`: who may take again what he gave
 * up.
 * @throws AppError when it is not free.
 */
export async function takeAddress(
  tx: Store,
  address: EmailAddress,
  now: Date,
  owner?: EmailAddress,
): Promise<void> {
  await requireFree(tx, address, now, owner);
  await forgetFormerAddress(tx, address);
  for (const published of await listPublished(tx, address)) {
    const kept = await selectGenericRevocation(tx, published.fingerprint);
    if (owner !== undefined && kept?.owner === canonicalAddress(owner)) continue;
    // Who had the address before could go on signing with it: nobody but he revokes a key that lies on his device.
    const { kind } = await revocationOf(await certificateIn(published));
    if (kind === "none") await stopServing(tx, published.fingerprint);
  }
}

/**
 * An address is one account's only. After an erasure it is nobody's for thirty days, and after it was given up nobody's but
 * that of its former `owner`. In a transaction that has written to the audit log before: that is what two who want the same
 * address at once wait for.
 * @throws AppError when it is not free.
 */
async function requireFree(
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
