import { appendAuditOnce } from "../journal/journal.ts";
import { canonicalAddress, type CanonicalAddress } from "../mail/address.ts";
import { readSecretKey, type UnlockedKey } from "../openpgp/keys/secret-key.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import { readStanding, type Standing } from "../store/accounts/standing.ts";
import { findMailboxCertificate } from "../store/keys/mailbox-certificates.ts";
import { selectSecretKeys, type SecretKeyRow } from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";
import type { MasterKey } from "./master-key.ts";
import { isExpired } from "./published-certificate.ts";
import { type KeyRoles, UnlockedKeys } from "./unlocked-keys.ts";
import type { VaultDeps } from "./vault-deps.ts";
import { unwrapSecretKey } from "./wrapped-rows.ts";

/**
 * Every key under a master key, and what each is for now. A row that is not as it was written stays closed; the audit log
 * says so once, however often its owner logs in. `published` is what is published of the owner, if it was read a moment ago.
 */
export async function openKeys(
  deps: VaultDeps,
  masterKey: MasterKey,
  published?: PublishedAddresses,
): Promise<UnlockedKeys> {
  const { owner } = masterKey;
  const rows = await selectSecretKeys(deps.store, masterKey.id);
  const opened = await Promise.all(rows.map(async (row) => openKey(masterKey, row)));
  const keys = opened.filter((key) => key !== undefined);
  const refused = rows.map((row) => row.fingerprint).filter((_row, at) => opened[at] === undefined);
  for (const fingerprint of refused) {
    await appendAuditOnce(deps.store, {
      at: deps.clock.now(),
      action: "key.refused",
      account: owner,
      detail: { fingerprint, why: "its row is not as it was written" },
    });
  }
  const addresses = published ?? (await publishedAddresses(deps.store, owner));
  const mailbox = await findMailboxCertificate(deps.store, owner);
  const { active, roles } = assignKeys(addresses, mailbox?.fingerprint, deps.clock.now());
  const { generation } = masterKey;
  return new UnlockedKeys(keys, active, refused, { ...roles, generation });
}

/** What an account's keys are for at a moment: which one is active, and which one signs for each address. */
export function assignKeys(
  addresses: PublishedAddresses,
  mailbox: Fingerprint | undefined,
  now: Date,
): { readonly active: Fingerprint | undefined; readonly roles: KeyRoles } {
  const byAddress = signersOf(addresses, now);
  const [primary] = addresses;
  const active = primary && byAddress.get(canonicalAddress(primary.address));
  return { active, roles: { byAddress, mailbox } };
}

/** One key of a user; undefined when its row is not as it was written. */
export async function openKey(
  masterKey: MasterKey,
  row: SecretKeyRow,
): Promise<UnlockedKey | undefined> {
  using raw = unwrapSecretKey(masterKey.secret, row, masterKey.owner);
  if (raw === undefined) return undefined;
  const unlocked = await readSecretKey(raw);
  if (unlocked.fingerprint === row.fingerprint) return unlocked;
  unlocked[Symbol.dispose]();
  return undefined;
}

/** The addresses of an account, the primary one first, and what is published for each, also where that has expired. */
export type PublishedAddresses = Standing["addresses"];

/** Empty when there is no such account. */
export async function publishedAddresses(
  store: Store,
  owner: AccountId,
): Promise<PublishedAddresses> {
  return (await readStanding(store, owner))?.addresses ?? [];
}

/** Nobody signs with a key that its own domain does not publish for the address. */
function signersOf(
  addresses: PublishedAddresses,
  now: Date,
): ReadonlyMap<CanonicalAddress, Fingerprint> {
  const signers = new Map<CanonicalAddress, Fingerprint>();
  for (const { address, published } of addresses) {
    if (published === undefined || isExpired(published, now)) continue;
    signers.set(canonicalAddress(address), published.fingerprint);
  }
  return signers;
}
