import { appendAuditOnce } from "../journal/journal.ts";
import { canonicalAddress, type CanonicalAddress, type EmailAddress } from "../mail/address.ts";
import { readSecretKey, type UnlockedKey } from "../openpgp/keys/secret-key.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import { listAddresses } from "../store/accounts/addresses.ts";
import { findPublished } from "../store/keys/certificates.ts";
import { findMailboxCertificate } from "../store/keys/mailbox-certificates.ts";
import { selectSecretKeys, type SecretKeyRow } from "../store/keys/vault.ts";
import type { MasterKey } from "./master-key.ts";
import { isExpired } from "./published-certificate.ts";
import { UnlockedKeys } from "./unlocked-keys.ts";
import type { VaultDeps } from "./vault-deps.ts";
import { unwrapSecretKey } from "./wrapped-rows.ts";

/**
 * Every key under a master key, and what each is for now. A row that is not as it was written stays closed; the audit log
 * says so once, however often its owner logs in.
 */
export async function openKeys(deps: VaultDeps, masterKey: MasterKey): Promise<UnlockedKeys> {
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
  const addresses = await listAddresses(deps.store, owner);
  const byAddress = await signersOf(deps, addresses);
  const mailbox = await findMailboxCertificate(deps.store, owner);
  const [primary] = addresses;
  const active = primary && byAddress.get(canonicalAddress(primary));
  const roles = { byAddress, mailbox: mailbox?.fingerprint, generation: masterKey.generation };
  return new UnlockedKeys(keys, active, refused, roles);
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

/** Nobody signs with a key that its own domain does not publish for the address. */
async function signersOf(
  deps: VaultDeps,
  addresses: readonly EmailAddress[],
): Promise<ReadonlyMap<CanonicalAddress, Fingerprint>> {
  const signers = new Map<CanonicalAddress, Fingerprint>();
  for (const address of addresses) {
    const published = await findPublished(deps.store, address);
    if (published === undefined || isExpired(published, deps.clock.now())) continue;
    signers.set(canonicalAddress(address), published.fingerprint);
  }
  return signers;
}
