/** How often somebody may be wrong about a password, and how many logins are looked at at a time. */
import { Gate } from "../base/gate.ts";
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
import { makeTag } from "../store/tag-key.ts";

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

/** One Argon2id takes 64 MiB and a good part of a second of a processor. */
const AT_ONCE = { inAll: 4, forKey: 2, waiting: 200 };

/**
 * Logins wait here for their turn. Networks take turns, so that one that guesses keeps nobody else waiting. Two logins of
 * one account from one network follow each other, so that each failure counts before the next password is looked at.
 */
export class LoginTurns {
  readonly #networks = new Gate(AT_ONCE);
  readonly #accounts = new Gate({ inAll: AT_ONCE.waiting, forKey: 1, waiting: AT_ONCE.waiting });

  /** Undefined when too many wait, or when `signal` says that the client has gone. */
  async take<Value>(
    attempt: Attempt,
    signal: AbortSignal | undefined,
    work: () => Promise<Value>,
  ): Promise<Value | undefined> {
    // In this order: who waits for another login of the account takes no place of the network's.
    return this.#accounts.pass(accountText(attempt), signal, async () =>
      this.#networks.pass(attempt.network, signal, work),
    );
  }
}

type Deps = Pick<VaultDeps, "store" | "clock">;

/** Whether so many passwords were wrong that none is looked at now. */
export async function isThrottled(
  { store, clock }: Deps,
  limits: LoginLimits,
  attempt: Attempt,
): Promise<boolean> {
  const now = clock.now();
  const failures = await readAttempts(
    store,
    await accountKey(store, attempt),
    now,
    ATTEMPT_WINDOW_MS,
  );
  if (failures >= limits.failures) return true;
  const all = await readAttempts(store, await networkKey(store, attempt), now, ATTEMPT_WINDOW_MS);
  return all >= limits.failuresPerNetwork;
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
  await appendAudit(store, { at, action: "login.throttled", account: attempt.address });
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

function accountText({ address, network }: Attempt): string {
  return `${canonicalAddress(address)}\0${network}`;
}
