import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";
import type { LoginLimits } from "./attempts.ts";
import type { LoginCache } from "./login-cache.ts";
import type { LoginTurns } from "./login-turns.ts";

/** What a login works with; `failed` is told of upkeep that did not come about and is tried again. */
export type LoginDeps = VaultDeps & {
  readonly keyRules: KeyRules;
  readonly failed?: (error: unknown) => void;
  readonly loginLimits?: LoginLimits;
  /** Of the process; without it every login is looked at at once. */
  readonly turns?: LoginTurns;
  /** Of the process, for SMTP and IMAP; without it, or without turns, each login takes its Argon2id. */
  readonly cache?: LoginCache;
};
