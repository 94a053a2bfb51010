/** From a password to open keys. Attempts are counted before anything is compared. */
import { createHash } from "node:crypto";

import { AppError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { MINUTE, after } from "../base/time.ts";
import type { Account } from "../accounts/embedded.ts";
import { appendAudit } from "../journal/audit.ts";
import { untilNotOvertaken } from "../keys/change.ts";
import { verifyPassword } from "../keys/login-verifier.ts";
import { compareServiceKey, OTHER_SERVICE_KEY } from "../keys/service-key-log.ts";
import { TypedPassword } from "../keys/typed-password.ts";
import { UnlockedKeys } from "../keys/unlocked-keys.ts";
import type { KeyRules, VaultDeps } from "../keys/vault.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import { countAttempt, forgetAttempts, purgeAttempts as purge } from "../store/attempts.ts";
import type { Store } from "../store/store.ts";
import { unlockAtLogin } from "./unlock.ts";

/** How many wrong passwords for one account from one network are looked at within the window. */
export const ATTEMPTS = 10;

/** The window in which attempts are counted. */
export const ATTEMPT_WINDOW_MS = 15 * MINUTE;

/** Who wants in, and from where: `network` is the client's /24 or /48, not his address. */
export type LoginRequest = {
  readonly address: EmailAddress;
  readonly password: Secret;
  readonly network: string;
};

/** What a login works with; `failed` is told of upkeep that did not come about and is tried again. */
export type LoginDeps = VaultDeps & {
  readonly keyRules: KeyRules;
  readonly failed?: (error: unknown) => void;
};

/**
 * What a login came to. The password may be right and the keys stay closed (`isLocked`): it was changed where Sealpost
 * did not see it, or the keys are on the user's device.
 */
export type Login =
  | {
      readonly kind: "ok";
      readonly account: Account;
      readonly keys: UnlockedKeys;
      /** The change of the account that all this was seen at: after the next one the keys are not used any more. */
      readonly generation: number;
      readonly isLocked: boolean;
    }
  | { readonly kind: "refused" }
  | { readonly kind: "throttled" };

/**
 * Verifies the password and opens the user's keys, which the caller disposes; whoever has none yet gets them now.
 * Unknown accounts take the same work as wrong passwords, and are counted the same.
 * @throws AppError on a host without the service key in force.
 */
export async function login(deps: LoginDeps, request: LoginRequest): Promise<Login> {
  const { store, clock } = deps;
  const { address, password, network } = request;
  const key = attemptKey(address, network);
  const attempts = await countAttempt(store, key, clock.now(), ATTEMPT_WINDOW_MS);
  if (attempts > ATTEMPTS) {
    if (attempts === ATTEMPTS + 1) {
      await appendAudit(store, { at: clock.now(), action: "login.throttled", account: address });
    }
    return { kind: "throttled" };
  }
  using typed = new TypedPassword(password);
  return await untilNotOvertaken(async (): Promise<Login> => {
    const verified = await verifyPassword(deps, address, typed);
    if (verified === undefined) return await refuse(deps, key);
    await forgetAttempts(store, key);
    const { account } = verified;
    const { keys, generation } = await unlockAtLogin(deps, verified, typed);
    const isLocked = keys === undefined;
    return { kind: "ok", account, keys: keys ?? UnlockedKeys.none(), generation, isLocked };
  });
}

/** @throws AppError on a host without the service key in force: it cannot tell whether a password is right. */
async function refuse(deps: LoginDeps, attempt: string): Promise<Login> {
  if ((await compareServiceKey(deps.store, deps.serviceKeys.current.id)) !== "other") {
    return { kind: "refused" };
  }
  await forgetAttempts(deps.store, attempt);
  throw new AppError(OTHER_SERVICE_KEY, { temporary: true });
}

/** Deletes what no longer counts. */
export async function purgeAttempts(store: Store, now: Date): Promise<void> {
  await purge(store, after(now, -ATTEMPT_WINDOW_MS));
}

/** Nothing that somebody typed is kept in clear. */
function attemptKey(address: EmailAddress, network: string): string {
  return createHash("sha256")
    .update(canonicalAddress(address))
    .update("\0")
    .update(network)
    .digest("hex");
}
