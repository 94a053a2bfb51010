import { MINUTE, SECOND } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { Task } from "../jobs/tasks.ts";
import { LoginCache } from "../login/login-cache.ts";
import { listGenerations } from "../store/accounts/generations.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";

/** How often entries are wiped that nobody will use: after this time at most they are not in memory any more. */
const SWEEP_MS = 30 * SECOND;

/** The login cache of a process, by the configuration as it is now. */
export function openLoginCache(
  { clock }: Pick<VaultDeps, "clock">,
  current: () => Config,
): LoginCache {
  return new LoginCache(clock, () => current().limits.loginCacheMinutes * MINUTE);
}

/** Wipes what is idle or old, and entries of accounts that were changed, in whichever process. */
export function sweepLoginCache({ store }: Pick<VaultDeps, "store">, cache: LoginCache): Task {
  return {
    name: "wipe remembered logins",
    everyMs: SWEEP_MS,
    run: async () => cache.dropStale(async (accounts) => listGenerations(store, accounts)),
  };
}
