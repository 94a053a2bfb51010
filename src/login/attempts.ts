/** How often somebody may be wrong about a password. */
import { createHash } from "node:crypto";
import { MINUTE, after } from "../base/time.ts";
import { appendAudit } from "../journal/audit.ts";
import type { VaultDeps } from "../keys/vault.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import {
  countAttempt,
  forgetAttempts,
  purgeAttempts as purge,
  readAttempts,
} from "../store/attempts.ts";
import type { Store } from "../store/store.ts";

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
  const now = clock.now();
  const failures = await readAttempts(store, accountKey(attempt), now, ATTEMPT_WINDOW_MS);
  if (failures >= limits.failures) return true;
  if (isSeen) return false;
  const all = await readAttempts(store, networkKey(attempt), now, ATTEMPT_WINDOW_MS);
  return all >= limits.failuresPerNetwork;
}

/** Counts a wrong password; the one that closes the account for its network is written down. */
export async function countFailure(
  { store, clock }: Deps,
  limits: LoginLimits,
  attempt: Attempt,
): Promise<void> {
  const at = clock.now();
  await countAttempt(store, networkKey(attempt), at, ATTEMPT_WINDOW_MS);
  const failures = await countAttempt(store, accountKey(attempt), at, ATTEMPT_WINDOW_MS);
  if (failures !== limits.failures) return;
  await appendAudit(store, { at, action: "login.throttled", account: attempt.address });
}

/** The right password forgets the wrong ones before it. */
export async function forgetFailures({ store }: Deps, attempt: Attempt): Promise<void> {
  await forgetAttempts(store, accountKey(attempt));
}

/** Deletes what no longer counts. */
export async function purgeAttempts(store: Store, now: Date): Promise<void> {
  await purge(store, after(now, -ATTEMPT_WINDOW_MS));
}

/** An account from a network. Nothing that somebody typed is kept in clear. */
export function accountKey({ address, network }: Attempt): string {
  return digest(canonicalAddress(address), network);
}

/** A network. No address is empty. */
export function networkKey({ network }: Attempt): string {
  return digest("", network);
}

function digest(...parts: readonly string[]): string {
  return createHash("sha256").update(parts.join("\0")).digest("hex");
}
