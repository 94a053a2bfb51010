/** How often somebody may be wrong about a password. */
import { MINUTE, after } from "../base/time.ts";
import { appendAudit } from "../journal/journal.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import { findAccount } from "../store/accounts/accounts.ts";
import {
  countAttempt,
  forgetAttempts,
  purgeAttempts as purge,
  readAttempts,
} from "../store/accounts/attempts.ts";
import { makeTag } from "../store/keys/tag-key.ts";
import type { Store } from "../store/store.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";

/** The window in which failures are counted. */
const ATTEMPT_WINDOW_MS = 15 * MINUTE;

export type LoginLimits = {
  /** Wrong passwords for one account from one network within the window. */
  readonly failures: number;
  /** The same for all accounts, also those that do not exist. */
  readonly failuresPerNetwork: number;
};

export const DEFAULT_LOGIN_LIMITS: LoginLimits = { failures: 10, failuresPerNetwork: 100 };

/** Whose attempt it is, and from where: `network` is the client's /24 or /48, not its address. */
export type Attempt = { readonly address: EmailAddress; readonly network: string };

type Deps = Pick<VaultDeps, "store" | "clock">;

/**
 * Whether so many passwords were wrong that none is looked at now. `isSeen`: the account logged in from this network before,
 * so that what others of the network do is not held against it.
 */
export async function isThrottled(
  { store, clock }: Deps,
  limits: LoginLimits,
  attempt: Attempt,
  isSeen: boolean,
): Promise<boolean> {
  if ((await failuresOf({ store, clock }, attempt)) >= limits.failures) return true;
  if (isSeen) return false;
  const now = clock.now();
  const all = await readAttempts(store, await networkKey(store, attempt), now, ATTEMPT_WINDOW_MS);
  return all >= limits.failuresPerNetwork;
}

/** How many passwords for the account were wrong from this network since the last right one. */
export async function failuresOf({ store, clock }: Deps, attempt: Attempt): Promise<number> {
  return readAttempts(store, await accountKey(store, attempt), clock.now(), ATTEMPT_WINDOW_MS);
}

/** Counts a wrong password; the one that closes the account for its network is written down. */
export async function countFailure(
  { store, clock }: Deps,
  limits: LoginLimits,
  attempt: Attempt,
): Promise<void> {
  const at = clock.now();
  await countAttempt(store, await networkKey(store, attempt), at, ATTEMPT_WINDOW_MS);
  const failures = await countAttempt(
    store,
    await accountKey(store, attempt),
    at,
    ATTEMPT_WINDOW_MS,
  );
  if (failures !== limits.failures) return;
  const account = (await findAccount(store, attempt.address))?.id;
  await appendAudit(store, { at, action: "login.throttled", account });
}

/** The right password forgets the wrong ones before it. */
export async function forgetFailures({ store }: Deps, attempt: Attempt): Promise<void> {
  await forgetAttempts(store, await accountKey(store, attempt));
}

/** Deletes what no longer counts. */
export async function purgeAttempts(store: Store, now: Date): Promise<void> {
  await purge(store, after(now, -ATTEMPT_WINDOW_MS));
}

/** Nothing that somebody typed is kept, nor what tells it to who has the database alone. */
async function accountKey(store: Store, attempt: Attempt): Promise<string> {
  return makeTag(store, "attempt", accountText(attempt));
}

/** No address is empty. */
async function networkKey(store: Store, { network }: Attempt): Promise<string> {
  return makeTag(store, "attempt", `\0${network}`);
}

/** An account from a network. */
export function accountText({ address, network }: Attempt): string {
  return `${canonicalAddress(address)}\0${network}`;
}
