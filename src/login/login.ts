/** From a password to open keys. */
import { AppError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { untilNotOvertaken } from "../keys/keys.ts";
import { verifyPassword } from "../vault/login-verifier.ts";
import { compareServiceKey, OTHER_SERVICE_KEY } from "../vault/service-key-log.ts";
import { TypedPassword } from "../vault/typed-password.ts";
import { UnlockedKeys } from "../vault/unlocked-keys.ts";
import {
  type Attempt,
  countFailure,
  DEFAULT_LOGIN_LIMITS,
  forgetFailures,
  isThrottled,
  type LoginLimits,
} from "./attempts.ts";
import type { LoginDeps } from "./login-deps.ts";
import { unlockAtLogin } from "./unlock.ts";
import { findAccount } from "../store/accounts/accounts.ts";
import type { Account } from "../words/account.ts";

export type { LoginDeps } from "./login-deps.ts";

export type LoginRequest = Attempt & {
  readonly password: Secret;
  /** Ends the wait for a turn: the client has gone. */
  readonly signal?: AbortSignal;
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
  | { readonly kind: "throttled" }
  /** Too many logins wait for their turn. */
  | { readonly kind: "busy" };

/**
 * Verifies the password and opens the user's keys, which the caller disposes; whoever has none yet gets them now.
 * Unknown accounts take the same work as wrong passwords, and are counted the same.
 * @throws AppError on a host without the service key in force.
 */
export async function login(deps: LoginDeps, request: LoginRequest): Promise<Login> {
  const { turns } = deps;
  if (turns === undefined) return await lookAt(deps, request);
  const done = await turns.take(request, request.signal, async () => lookAt(deps, request));
  return done ?? { kind: "busy" };
}

async function lookAt(deps: LoginDeps, request: LoginRequest): Promise<Login> {
  const limits = deps.loginLimits ?? DEFAULT_LOGIN_LIMITS;
  const isSeen = deps.turns?.hasSeen(request) ?? false;
  if (await isThrottled(deps, limits, request, isSeen)) return { kind: "throttled" };
  using typed = new TypedPassword(request.password);
  return await untilNotOvertaken(async (): Promise<Login> => {
    const named = await findAccount(deps.store, request.address);
    const verified = await verifyPassword(deps, named?.id, typed);
    if (verified === undefined) return await refuse(deps, limits, request);
    await forgetFailures(deps, request);
    deps.turns?.succeeded(request);
    const { account } = verified;
    const { keys, generation } = await unlockAtLogin(deps, verified, typed);
    const isLocked = keys === undefined;
    return { kind: "ok", account, keys: keys ?? UnlockedKeys.none(), generation, isLocked };
  });
}

/** @throws AppError on a host without the service key in force: it cannot tell whether a password is right. */
async function refuse(deps: LoginDeps, limits: LoginLimits, attempt: Attempt): Promise<Login> {
  if ((await compareServiceKey(deps.store, deps.serviceKeys.current.id)) === "other") {
    throw new AppError(OTHER_SERVICE_KEY, { temporary: true });
  }
  deps.turns?.failed(attempt);
  await countFailure(deps, limits, attempt);
  return { kind: "refused" };
}
