/**
 * Login: from a password to open keys.
 *
 * One Argon2id run turns the password into a login verifier and a wrapping key (`vault/`); neither can be computed from the
 * other. Argon2id is slow on purpose. Its work is therefore queued fairly between networks and accounts (`login-turns.ts`), and
 * failures are counted for each account and each network (`attempts.ts`). An unknown account costs the same time as a wrong
 * password, so that nobody can find out by guessing who has an account.
 *
 * A login that repeats one of the last minutes needs no Argon2id (`repeated-login.ts`).
 *
 * A login opens the user's keys for the length of the session, and does what only a user can do: it makes first keys, ends a
 * provisional enrolment, renews expiry dates (`unlock.ts`). `enrol.ts` makes an account with its first key, `recover.ts` has
 * the ways back in.
 */
import { AppError } from "../base/errors.ts";
import { untilNoConflict } from "../keys/keys.ts";
import { findAccount } from "../store/accounts/accounts.ts";
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
} from "./attempts.ts";
import type { LoginDeps } from "./login-deps.ts";
import type { Login, LoginRequest } from "./login-outcome.ts";
import { rememberLogin, repeatLogin } from "./repeated-login.ts";
import { unlockAtLogin } from "./unlock.ts";

export type { LoginDeps } from "./login-deps.ts";
export type { Login, LoginRequest } from "./login-outcome.ts";

/**
 * Verifies the password and opens the user's keys, which the caller disposes; whoever has none yet gets them now.
 * Unknown accounts take the same work as wrong passwords, and are counted the same.
 * @throws AppError on a host without the service key in force.
 */
export async function login(deps: LoginDeps, request: LoginRequest): Promise<Login> {
  const { turns } = deps;
  const repeated = await repeatLogin(deps, request);
  if (repeated.kind === "logged-in") return repeated.login;
  const isCounted = repeated.kind === "counted";
  if (turns === undefined) return await lookAt(deps, request, isCounted);
  const work = async (): Promise<Login> => lookAt(deps, request, isCounted);
  return (await turns.take(request, request.signal, work)) ?? { kind: "busy" };
}

/** `isCounted`: the password is known to be wrong and counted. It is looked at nevertheless, to take as long as any other. */
async function lookAt(deps: LoginDeps, request: LoginRequest, isCounted: boolean): Promise<Login> {
  if (!isCounted && (await mayNotTry(deps, request))) return { kind: "throttled" };
  using typed = new TypedPassword(request.password);
  return await untilNoConflict(async (): Promise<Login> => {
    const named = await findAccount(deps.store, request.address);
    const verified = await verifyPassword(deps, named?.id, typed);
    if (verified === undefined) return await refuse(deps, request, isCounted);
    await forgetFailures(deps, request);
    deps.turns?.succeeded(request);
    const {
      account,
      login: { salt },
    } = verified;
    const { keys, generation } = await unlockAtLogin(deps, verified, typed);
    const isLocked = keys === undefined;
    const open = keys ?? UnlockedKeys.none();
    const login = { kind: "ok", account, keys: open, generation, isLocked } as const;
    try {
      await rememberLogin(deps, request, typed, { login, salt });
    } catch (error) {
      open[Symbol.dispose]();
      throw error;
    }
    return login;
  });
}

async function mayNotTry(deps: LoginDeps, attempt: Attempt): Promise<boolean> {
  const isSeen = deps.turns?.hasSeen(attempt) ?? false;
  return isThrottled(deps, deps.loginLimits ?? DEFAULT_LOGIN_LIMITS, attempt, isSeen);
}

/** @throws AppError on a host without the service key in force: it cannot tell whether a password is right. */
async function refuse(deps: LoginDeps, attempt: Attempt, isCounted: boolean): Promise<Login> {
  if ((await compareServiceKey(deps.store, deps.serviceKeys.current.id)) === "other") {
    throw new AppError(OTHER_SERVICE_KEY, { temporary: true });
  }
  deps.turns?.failed(attempt);
  const limits = deps.loginLimits ?? DEFAULT_LOGIN_LIMITS;
  if (!isCounted) await countFailure(deps, limits, attempt);
  return { kind: "refused" };
}
