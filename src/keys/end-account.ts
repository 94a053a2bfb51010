import { after, DAY } from "../base/time.ts";
import { appendAudit } from "../journal/journal.ts";
import type { EmailAddress } from "../mail/address.ts";
import { listClosedAccounts, readAccount, updateAccount } from "../store/accounts/accounts.ts";
import { listAddresses } from "../store/accounts/addresses.ts";
import { eraseAccount } from "../store/accounts/erase.ts";
import { holdAuditEnd } from "../store/journal/audit-ends.ts";
import { listGenericRevocations } from "../store/keys/generic-revocations.ts";
import { erasePublished } from "../store/keys/publish.ts";
import type { GoneBlob } from "../store/mail/blobs.ts";
import type { Store } from "../store/store.ts";
import { generationNow } from "../vault/binding.ts";
import { Conflict } from "../vault/conflict.ts";
import { raiseGeneration } from "../vault/generation.ts";
import type { MasterKey } from "../vault/master-key.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import type { AccountId } from "../words/account.ts";
import { changeKeys, type AccountRefusal } from "./keys.ts";
import { ReleasesStopped } from "./releases.ts";
import { endKey } from "./revoke-active.ts";
import { refuse } from "./unless-refused.ts";

/** How long a closed account can be reopened. */
export const GRACE_MS = 30 * DAY;

/** What came of closing an account. */
export type Closure = { readonly kind: "closed" } | AccountRefusal;

/** What came of opening a closed account again. */
export type Reopening =
  | { readonly kind: "reopened" }
  | { readonly kind: "not-closed" }
  | AccountRefusal;

/** What came of ending the sessions of an account. */
export type SessionsEnd = { readonly kind: "ended" } | AccountRefusal;

/** What came of erasing an account. */
export type Erasure = { readonly kind: "erased" } | AccountRefusal;

/**
 * Closes an account: nobody logs in, nothing is delivered, and its keys are revoked, as retired where they are open. Its
 * keys and mail are deleted thirty days later; its certificates stay, so that what it signed can be verified.
 */
export async function closeAccount(
  deps: VaultDeps,
  owner: AccountId,
  masterKey: MasterKey | undefined,
): Promise<Closure> {
  return changeKeys(deps.store, owner, async (tx) => {
    for (const address of await listAddresses(tx, owner)) {
      await endKey(deps, tx, { owner, address, masterKey, reason: "retired", text: "closed" });
    }
    const now = deps.clock.now();
    await updateAccount(tx, owner, { closedAt: now });
    await raised(deps, tx, owner, now, "account.closed");
    return { kind: "closed" };
  });
}

/** Whatever sessions there are end with it. */
async function raised(
  deps: VaultDeps,
  tx: Store,
  owner: AccountId,
  at: Date,
  action: string,
): Promise<void> {
  const from = await generationNow(tx, owner);
  await raiseGeneration(deps, tx, { owner, at, action, from });
}

/** Ends all sessions of an account, in every process: who is logged in logs in again. */
export async function endSessions(deps: VaultDeps, owner: AccountId): Promise<SessionsEnd> {
  return changeKeys(deps.store, owner, async (tx) => {
    await raised(deps, tx, owner, deps.clock.now(), "sessions.ended");
    return { kind: "ended" };
  });
}

/** Opens a closed account again. Its keys stay revoked: the next event of its owner's makes new ones. */
export async function reopenAccount(deps: VaultDeps, owner: AccountId): Promise<Reopening> {
  return changeKeys(
    deps.store,
    owner,
    async (tx) => {
      const closedAt = (await readAccount(tx, owner))?.account.closedAt;
      if (closedAt === undefined) return refuse({ kind: "not-closed" });
      await updateAccount(tx, owner, { closedAt: null });
      await raised(deps, tx, owner, deps.clock.now(), "account.reopened");
      return { kind: "reopened" };
    },
    "any",
  );
}

/**
 * Deletes the keys and mail of accounts that were closed thirty days ago; says how many. One that cannot be deleted does
 * not keep the others: what stopped it is thrown at the end.
 */
export async function purgeClosedAccounts(deps: VaultDeps): Promise<number> {
  const before = after(deps.clock.now(), -GRACE_MS);
  const closed = await listClosedAccounts(deps.store, before);
  const failures: unknown[] = [];
  for (const { id: owner } of closed) {
    await purgeClosed(deps, owner, before).catch((error: unknown) => failures.push(error));
  }
  if (failures.length > 0) throw failures[0];
  return closed.length;
}

/** An account that somebody erased meanwhile is deleted already. @throws ReleasesStopped, for the operator's log. */
async function purgeClosed(deps: VaultDeps, owner: AccountId, before: Date): Promise<void> {
  const done = await deleteForGood(deps, owner, "account.deleted", async (tx, addresses) => {
    await requireClosed(tx, owner, before);
    // None is active since it was closed; should one be, it does not outlive its account.
    for (const one of addresses) {
      const wish = { owner, address: one, masterKey: undefined, text: "closed" };
      await endKey(deps, tx, { ...wish, reason: "retired" });
    }
  });
  if (done.kind === "releases-stopped") throw new ReleasesStopped(done.alarm);
}

/** Somebody may have opened it again meanwhile. */
async function requireClosed(tx: Store, owner: AccountId, before: Date): Promise<void> {
  const closedAt = (await readAccount(tx, owner))?.account.closedAt;
  if (closedAt === undefined || closedAt >= before) throw new Conflict();
}

/**
 * Erases an account by law request: also what is published of it, at once. A keyed tag of each address stays for thirty
 * days, so that nobody else gets the address meanwhile. The audit log stays too: it names accounts by their random IDs.
 */
export async function eraseByLaw(deps: VaultDeps, owner: AccountId): Promise<Erasure> {
  return deleteForGood(deps, owner, "account.erased", async (tx) => {
    // Stored revocations record the owner, including for released addresses, but not earlier owners.
    const kept = await listGenericRevocations(tx, owner);
    await erasePublished(
      tx,
      kept.map(({ fingerprint }) => fingerprint),
    );
  });
}

async function deleteForGood(
  deps: VaultDeps,
  owner: AccountId,
  action: string,
  first: (tx: Store, addresses: readonly EmailAddress[]) => Promise<void>,
): Promise<Erasure> {
  let gone: readonly GoneBlob[] = [];
  const done = await changeKeys<Erasure>(
    deps.store,
    owner,
    async (tx) => {
      const now = deps.clock.now();
      // Before any row is deleted: whoever takes an address holds the end of a shard, and may wait for the row.
      await holdAuditEnd(tx, owner);
      await first(tx, await listAddresses(tx, owner));
      gone = await eraseAccount(tx, owner, now);
      await appendAudit(tx, { at: now, action, account: owner });
      return { kind: "erased" };
    },
    "any",
  );
  if (done.kind !== "erased") return done;
  await deps.removeBlobs?.(gone);
  await deps.store.forget();
  return done;
}
