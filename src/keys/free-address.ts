import { AppError } from "../base/errors.ts";
import {
  canonicalAddress,
  formatAddress,
  sameAddress,
  withoutSubaddress,
  type EmailAddress,
} from "../mail/address.ts";
import { revocationOf } from "../openpgp/acceptance.ts";
import { readAccount } from "../store/accounts.ts";
import { findAliased } from "../store/aliases.ts";
import { listPublished } from "../store/certificates.ts";
import { stopServing } from "../store/publish.ts";
import { forgetFormerAddress } from "../store/former-addresses.ts";
import { selectGenericRevocation } from "../store/generic-revocations.ts";
import type { Store } from "../store/store.ts";
import { listSubaddresses } from "../store/subaddresses.ts";
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
  await requireNoShadow(tx, address, owner);
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
 * Mail for `x+y` goes to whoever has `x`, unless `x+y` is an address of its own. So nobody else gets `x+y` while somebody
 * has `x`, and nobody gets `x` while somebody else has an `x+y`: what was written to one would be read by the other.
 * @throws AppError when the address would take somebody else's mail, or give the account's own mail to somebody else.
 */
async function requireNoShadow(
  tx: Store,
  address: EmailAddress,
  owner: EmailAddress | undefined,
): Promise<void> {
  const base = withoutSubaddress(address);
  if (!sameAddress(base, address)) {
    const account = await accountAt(tx, base);
    if (account !== undefined && !isOwn(account, owner)) {
      throw new AppError(
        `this address is taken: mail for it goes to ${formatAddress(base)}, which is somebody else's`,
        { temporary: false },
      );
    }
    return;
  }
  for (const { address: taken, account } of await listSubaddresses(tx, address)) {
    if (isOwn(account, owner)) continue;
    throw new AppError(
      `${formatAddress(address)} cannot be given: ${formatAddress(taken)} is somebody else's address`,
      { temporary: false },
    );
  }
}

function isOwn(account: EmailAddress, owner: EmailAddress | undefined): boolean {
  return owner !== undefined && sameAddress(account, owner);
}

async function accountAt(tx: Store, address: EmailAddress): Promise<EmailAddress | undefined> {
  return (await findAliased(tx, address)) ?? (await readAccount(tx, address))?.account.address;
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
