import { AppError } from "../base/errors.ts";
import { after, DAY } from "../base/time.ts";
import { appendAudit } from "../journal/audit.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import { listClosedAccounts, updateAccount } from "../store/accounts.ts";
import { erasePublished, listPublished } from "../store/certificates.ts";
import { eraseAccount } from "../store/erase.ts";
import { insertTombstone } from "../store/tombstones.ts";
import type { Store } from "../store/store.ts";
import { addressesOf, changeKeys } from "./change.ts";
import { endKey } from "./end-key.ts";
import type { MasterKey } from "./master-key.ts";
import type { VaultDeps } from "./vault-deps.ts";

/** So long a closed account can be opened again. */
export const GRACE_MS = 30 * DAY;

/**
 * Closes an account: nobody logs in, nothing is delivered, and its keys are revoked, as retired where they are open. Its
 * keys and mail are deleted thirty days later; its certificates stay, so that what it signed can be verified.
 */
export async function closeAccount(
  deps: VaultDeps,
  owner: EmailAddress,
  masterKey: MasterKey | undefined,
): Promise<void> {
  await changeKeys(deps.store, owner, async (tx) => {
    for (const address of await addressesOf(tx, owner)) {
      await endKey(deps, tx, { owner, address, masterKey, reason: "retired", text: "closed" });
    }
    const now = deps.clock.now();
    await updateAccount(tx, owner, { closedAt: now });
    await appendAudit(tx, { at: now, action: "account.closed", account: owner });
  });
}

/** Opens a closed account again. Its keys stay revoked: the next event of its owner's makes new ones. */
export async function reopenAccount(deps: VaultDeps, owner: EmailAddress): Promise<void> {
  await changeKeys(deps.store, owner, async (tx) => {
    await updateAccount(tx, owner, { closedAt: null });
    await appendAudit(tx, { at: deps.clock.now(), action: "account.reopened", account: owner });
  });
}

/** Deletes the keys and mail of accounts that were closed thirty days ago; says how many. */
export async function purgeClosedAccounts(deps: VaultDeps): Promise<number> {
  const closed = await listClosedAccounts(deps.store, after(deps.clock.now(), -GRACE_MS));
  for (const { address } of closed) await deleteForGood(deps, address, "account.deleted");
  return closed.length;
}

/**
 * Erases an account by law request: also what is published of it, at once. A hash of each address stays for thirty days,
 * so that nobody else gets it meanwhile, and the audit log, which does not name anybody.
 * @throws AppError when there is no such account.
 */
export async function eraseByLaw(deps: VaultDeps, owner: EmailAddress): Promise<void> {
  await deleteForGood(deps, owner, "account.erased", async (tx, addresses) => {
    for (const address of addresses) {
      const published = await listPublished(tx, address);
      await erasePublished(
        tx,
        published.map(({ fingerprint }) => fingerprint),
      );
    }
  });
}

async function deleteForGood(
  deps: VaultDeps,
  owner: EmailAddress,
  action: string,
  also: (tx: Store, addresses: readonly EmailAddress[]) => Promise<void> = async () => undefined,
): Promise<void> {
  await changeKeys(deps.store, owner, async (tx) => {
    const now = deps.clock.now();
    const addresses = await addressesOf(tx, owner);
    for (const address of addresses) {
      // Somebody may be told "no key" for it from now on, and nobody may be told another's.
      const active = (await listPublished(tx, address)).find(({ state }) => state === "active");
      if (active !== undefined && action === "account.deleted") {
        throw new AppError("a closed account has an active key", { temporary: false });
      }
      await insertTombstone(tx, canonicalAddress(address), now);
    }
    await also(tx, addresses);
    await eraseAccount(tx, owner, addresses);
    await appendAudit(tx, { at: now, action, account: owner });
  });
  await deps.store.forget();
}
