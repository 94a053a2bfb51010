import { AppError } from "../base/errors.ts";
import {
  canonicalAddress,
  formatAddress,
  sameAddress,
  withoutSubaddress,
  type EmailAddress,
} from "../mail/address.ts";
import { revocationOf } from "../openpgp/certificates/acceptance.ts";
import { after } from "../base/time.ts";
import {
  BLOCKED_MS,
  forgetReleased,
  listSubaddresses,
  type OwnedAddress,
  readAddress,
} from "../store/accounts/addresses.ts";
import { listPublished } from "../store/keys/certificates.ts";
import { stopServing } from "../store/keys/publish.ts";
import { selectGenericRevocation } from "../store/keys/generic-revocations.ts";
import { holdName } from "../store/engine/named-lock.ts";
import { isReserved } from "../store/accounts/reserved-addresses.ts";
import type { Store } from "../store/store.ts";
import { certificateIn } from "../vault/published-certificate.ts";
import type { AccountId } from "../words/account.ts";

/**
 * Makes an address free for an account, in the transaction in which it becomes its own. `owner` may take back an address
 * that it released.
 * @throws AppError when it is not free.
 */
export async function takeAddress(
  tx: Store,
  address: EmailAddress,
  now: Date,
  owner?: AccountId,
): Promise<void> {
  // `x` and `x+y` are decided about together. The account's shard is held already (`store/journal/audit-shards.ts`).
  await holdName(tx, `address ${canonicalAddress(withoutSubaddress(address))}`, "alone");
  await requireFree(tx, address, now, owner);
  await requireNoShadow(tx, address, now, owner);
  await forgetReleased(tx, address);
  for (const published of await listPublished(tx, address)) {
    const kept = await selectGenericRevocation(tx, published.fingerprint);
    if (owner !== undefined && kept?.owner === owner) continue;
    // The former owner of the address could go on signing: only they can revoke a key that is on their own device.
    const { kind } = await revocationOf(await certificateIn(published));
    if (kind === "none") await stopServing(tx, published.fingerprint);
  }
}

/**
 * Mail for `x+y` goes to whoever has `x`, unless `x+y` is an address of its own. So nobody else gets `x+y` while somebody
 * has `x`, and nobody gets `x` while somebody else has an `x+y`: one would read what was written to the other. The same
 * holds of a released address for thirty days.
 * @throws AppError when the address would take somebody else's mail, or give the account's own mail to somebody else.
 */
async function requireNoShadow(
  tx: Store,
  address: EmailAddress,
  now: Date,
  owner: AccountId | undefined,
): Promise<void> {
  const base = withoutSubaddress(address);
  if (!sameAddress(base, address)) {
    const found = await readAddress(tx, base);
    if (found !== undefined && found.state !== "released" && found.account !== owner) {
      throw new AppError(
        `this address is taken: mail for it goes to ${formatAddress(base)}, which is somebody else's`,
        { temporary: false },
      );
    }
    return requireNotBlocked(tx, base, now, owner);
  }
  for (const found of await listSubaddresses(tx, address)) {
    if (isBlocked(found, now, owner)) throw blocked();
    if (found.state === "released" || found.account === owner) continue;
    throw new AppError(
      `${formatAddress(address)} cannot be given: ${formatAddress(found.address)} is somebody else's address`,
      { temporary: false },
    );
  }
}

/**
 * An address is one account's only. After an erasure nobody gets it for thirty days, and after a release nobody but the
 * account that released it. The name of the address is held, so that two accounts that want it at once take turns.
 * @throws AppError when it is not free.
 */
async function requireFree(
  tx: Store,
  address: EmailAddress,
  now: Date,
  owner?: AccountId,
): Promise<void> {
  const found = await readAddress(tx, address);
  if (found?.state === "primary") {
    throw new AppError("this address is taken: there is an account with this address", {
      temporary: false,
    });
  }
  if (found?.state === "alias") {
    throw new AppError("this address is taken: it is an alias of an account", { temporary: false });
  }
  await requireNotBlocked(tx, address, now, owner);
}

/** @throws AppError for thirty days after an erasure, or after a release by another account. */
async function requireNotBlocked(
  tx: Store,
  address: EmailAddress,
  now: Date,
  owner: AccountId | undefined,
): Promise<void> {
  const found = await readAddress(tx, address);
  const isReleased = found !== undefined && isBlocked(found, now, owner);
  if (isReleased || (await isReserved(tx, canonicalAddress(address), now))) throw blocked();
}

function isBlocked(
  { state, since, account }: OwnedAddress,
  now: Date,
  owner: AccountId | undefined,
): boolean {
  return state === "released" && account !== owner && since > after(now, -BLOCKED_MS);
}

function blocked(): AppError {
  return new AppError("this address was erased or released less than 30 days ago", {
    temporary: false,
  });
}
