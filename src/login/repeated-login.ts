/**
 * A login that repeats one of the last minutes: the login cache replaces its Argon2id. All the rest is as at any login: throttling,
 * the account and its generation, the verifier, the slot, upkeep. Where anything differs, the login is looked at in full.
 *
 * A guesser gains nothing by the cache. Throttling is looked at before the cache is tried. Logins of an account from a network
 * follow each other. A wrong password is counted before the next one is tried, and before its client could go away. It is then
 * looked at in full, so that it takes as long as without an entry. An account that has not logged in from the network before
 * never comes here. For all others the work is the same whether or not there is an entry.
 */
import { Conflict } from "../vault/conflict.ts";
import { findBound, isRight, type BoundAccount, type Verified } from "../vault/login-verifier.ts";
import { OtherSalt, TypedPassword } from "../vault/typed-password.ts";
import { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { countFailure, DEFAULT_LOGIN_LIMITS, failuresOf, forgetFailures } from "./attempts.ts";
import type { CacheOwner, LoginCache } from "./login-cache.ts";
import type { LoginDeps } from "./login-deps.ts";
import type { Login, LoginRequest } from "./login-outcome.ts";
import type { LoginTurns } from "./login-turns.ts";
import { unlockAgain } from "./unlock.ts";

/** What the cache said of a login. */
export type RepeatedLogin =
  | { readonly kind: "logged-in"; readonly login: Login }
  /** The password is wrong, and was counted as such. */
  | { readonly kind: "counted" }
  /** The login is to be looked at in full. */
  | { readonly kind: "unknown" };

const UNKNOWN = { kind: "unknown" } as const;

/** What only a process that serves has. */
type OfProcess = { readonly cache: LoginCache; readonly turns: LoginTurns };

/** Logs in without an Argon2id where the same password was right a while ago. */
export async function repeatLogin(deps: LoginDeps, request: LoginRequest): Promise<RepeatedLogin> {
  const { cache, turns } = deps;
  if (cache?.isOn !== true || turns?.hasSeen(request) !== true) return UNKNOWN;
  const work = async (): Promise<RepeatedLogin> => tryCache(deps, { cache, turns }, request);
  return (await turns.takeRepeated(request, request.signal, work)) ?? UNKNOWN;
}

async function tryCache(
  deps: LoginDeps,
  { cache, turns }: OfProcess,
  request: LoginRequest,
): Promise<RepeatedLogin> {
  const limits = deps.loginLimits ?? DEFAULT_LOGIN_LIMITS;
  const failures = await failuresOf(deps, request);
  // Those who come here were seen: what others of their network do is not held against them.
  if (failures >= limits.failures) return UNKNOWN;
  const found = await findBound(deps.store, request.address);
  if (found === undefined) return UNKNOWN;
  using typed = new TypedPassword(request.password);
  const owner = ownerOf(request, found);
  const trial = cache.try(owner, typed);
  if (trial === "none") return UNKNOWN;
  if (trial === "wrong") {
    turns.failed(request);
    await countFailure(deps, limits, request).catch((error: unknown) => {
      // Where guesses cannot be counted, nothing is left to be guessed at.
      cache.drop(owner);
      throw error;
    });
    return { kind: "counted" };
  }
  const forget = async (): Promise<void> => {
    if (failures > 0) await forgetFailures(deps, request);
  };
  const login = await logIn(deps, { found, typed, forget }).catch(noneIfChanged);
  // What was changed meanwhile, or by this login, has no entry.
  if (login?.generation !== found.generation) cache.drop(owner);
  if (login === undefined) return UNKNOWN;
  turns.succeeded(request);
  return { kind: "logged-in", login };
}

type RightLogin = Extract<Login, { readonly kind: "ok" }>;

async function logIn(
  deps: LoginDeps,
  {
    found,
    typed,
    forget,
  }: {
    readonly found: BoundAccount;
    readonly typed: TypedPassword;
    /** Forgets the wrong passwords before the right one. */
    readonly forget: () => Promise<void>;
  },
): Promise<RightLogin | undefined> {
  if (!(await isRight(deps.serviceKeys, found, typed))) return undefined;
  await forget();
  const unlocked = await unlockAgain(deps, found, typed);
  if (unlocked === undefined) return undefined;
  const { keys, generation } = unlocked;
  const isLocked = keys === undefined;
  const { account } = found;
  return { kind: "ok", account, keys: keys ?? UnlockedKeys.none(), generation, isLocked };
}

function noneIfChanged(error: unknown): undefined {
  if (error instanceof Conflict || error instanceof OtherSalt) return undefined;
  throw error;
}

/** Remembers a login that was looked at in full, where its one Argon2id was all that it needed. */
export async function rememberLogin(
  { cache }: LoginDeps,
  request: LoginRequest,
  typed: TypedPassword,
  { login, salt }: { readonly login: RightLogin; readonly salt: Uint8Array },
): Promise<void> {
  const { account, generation, isLocked } = login;
  if (isLocked && account.custody !== "user-device-only") return;
  await cache?.keep(ownerOf(request, { account, generation }), typed, salt);
}

function ownerOf(
  { network }: LoginRequest,
  { account, generation }: Pick<Verified, "account" | "generation">,
): CacheOwner {
  return { account: account.id, network, generation };
}
