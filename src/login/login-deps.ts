import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";
import type { LoginLimits } from "./attempts.ts";
import type { LoginTurns } from "./login-turns.ts";

/** What a login works with; `failed` is told of upkeep that did not come about and is tried again. */
export type LoginDeps = VaultDeps & {
  readonly keyRules: KeyRules;
  readonly failed?: (error: unknown) => void;
  readonly loginLimits?: LoginLimits;
  /** Of the process; without it every login is looked at at once. */
  readonly turns?: LoginTurns;
};
