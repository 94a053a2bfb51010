import { after } from "../base/time.ts";
import {
  canonicalAddress,
  sameAddress,
  withoutSubaddress,
  type EmailAddress,
} from "../mail/address.ts";
import { revocationOf } from "../openpgp/certificates/acceptance.ts";
import {
  BLOCKED_MS,
  forgetReleased,
  listSubaddresses,
  type OwnedAddress,
  readAddress,
} from "../store/accounts/addresses.ts";
import { isReserved } from "../store/accounts/reserved-addresses.ts";
import { holdName } from "../store/engine/named-lock.ts";
import { listPublished } from "../store/keys/certificates.ts";
import { selectGenericRevocation } from "../store/keys/generic-revocations.ts";
import { stopServing } from "../store/keys/publish.ts";
import type { Store } from "../store/store.ts";
import { certificateIn } from "../vault/published-certificate.ts";
import type { AccountId } from "../words/account.ts";

/** Why an account cannot get an address. */
export type AddressRefusal =
  /** An account has it, as its primary address or as an alias. */
  | { readonly kind: "address-taken"; readonly as: "primary" | "alias" }
  /** Mail for it goes to `base`, the address of somebody else. */
  | { readonly kind: "address-shadowed"; readonly base: EmailAddress }
  /** It would get the mail of `other`, the address of somebody else. */
  | { readonly kind: "address-shadows"; readonly other: EmailAddress }
  /** It was erased or released less than thirty days ago (`BLOCKED_MS`). */
  | { readonly kind: "address-reserved" };

/**
 * Takes an address for an account, in the transaction in which it becomes its own; or says why it cannot be had. `owner` may
 * take back an address that it released.
 */
export async function takeAddress(
  tx: Store,
  address: EmailAddress,
  now: Date,
  owner?: AccountId,
): Promise<AddressRefusal | undefined> {
  // `x` and `x+y` are decided about together. The account's shard is held already (`store/journal/audit-shards.ts`).
  await holdName(tx, `address ${canonicalAddress(withoutSubaddress(address))}`, "alone");
  // First who has an `x+y`, then what is reserved: an erasure that ends between the two reserves `x` as it frees `x+y`.
  const shadow = await shadowOf(tx, address, now, owner);
  const refusal = (await whyNotFree(tx, address, now, owner)) ?? shadow;
  if (refusal !== undefined) return refusal;
  await forgetReleased(tx, address);
  for (const published of await listPublished(tx, address)) {
    const kept = await selectGenericRevocation(tx, published.fingerprint);
    if (owner !== undefined && kept?.owner === owner) continue;
    // The former owner of the address could go on signing: only they can revoke a key that is on their own device.
    const { kind } = await revocationOf(await certificateIn(published));
    if (kind === "none") await stopServing(tx, published.fingerprint);
  }
  return undefined;
}

/**
 * Mail for `x+y` goes to whoever has `x`, unless `x+y` is an address of its own. So nobody else gets `x+y` while somebody
 * has `x`, and nobody gets `x` while somebody else has an `x+y`: one would read what was written to the other. The same
 * holds of a released address for thirty days.
 */
async function shadowOf(
  tx: Store,
  address: EmailAddress,
  now: Date,
  owner: AccountId | undefined,
): Promise<AddressRefusal | undefined> {
  const base = withoutSubaddress(address);
  if (!sameAddress(base, address)) {
    const found = await readAddress(tx, base);
    if (found !== undefined && found.state !== "released" && found.account !== owner) {
      return { kind: "address-shadowed", base };
    }
    return whyBlocked(tx, base, now, owner);
  }
  for (const found of await listSubaddresses(tx, address)) {
    if (isBlocked(found, now, owner)) return { kind: "address-reserved" };
    if (found.state === "released" || found.account === owner) continue;
    return { kind: "address-shadows", other: found.address };
  }
  return undefined;
}

/**
 * An address is one account's only. After an erasure nobody gets it for thirty days, and after a release nobody but the
 * account that released it. The name of the address is held, so that two accounts that want it at once take turns.
 */
async function whyNotFree(
  tx: Store,
  address: EmailAddress,
  now: Date,
  owner?: AccountId,
): Promise<AddressRefusal | undefined> {
  const found = await readAddress(tx, address);
  if (found !== undefined && found.state !== "released") {
    return { kind: "address-taken", as: found.state };
  }
  return whyBlocked(tx, address, now, owner);
}

/** For thirty days after an erasure, and after a release by another account. */
async function whyBlocked(
  tx: Store,
  address: EmailAddress,
  now: Date,
  owner: AccountId | undefined,
): Promise<AddressRefusal | undefined> {
  const found = await readAddress(tx, address);
  const isReleased = found !== undefined && isBlocked(found, now, owner);
  const isKept = isReleased || (await isReserved(tx, canonicalAddress(address), now));
  return isKept ? { kind: "address-reserved" } : undefined;
}

function isBlocked(
  { state, since, account }: OwnedAddress,
  now: Date,
  owner: AccountId | undefined,
): boolean {
  return state === "released" && account !== owner && since > after(now, -BLOCKED_MS);
}
