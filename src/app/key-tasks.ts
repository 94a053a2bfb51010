/** What the life of keys needs while nobody is logged in. */
import { DAY, HOUR, MINUTE } from "../base/time.ts";
import type { Task } from "../jobs/tasks.ts";
import { backfill } from "../keys/backfill.ts";
import { purgeClosedAccounts } from "../keys/end-account.ts";
import { keysThatEnd } from "../keys/expiry-warnings.ts";
import { EXTEND_BEFORE_MS, upkeep } from "../keys/upkeep.ts";
import type { EmailAddress } from "../mail/address.ts";
import { followRollouts } from "../policy/rollout.ts";
import { findOwner, purgeReleased } from "../store/accounts/addresses.ts";
import { purgeReserved } from "../store/accounts/reserved-addresses.ts";
import { openWithService } from "../vault/master-key.ts";
import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";
import { warnOfEnds, type NoticeDeps } from "./end-warnings.ts";
import type { Events } from "./events.ts";

export type KeyTaskDeps = {
  readonly vault: VaultDeps;
  readonly keyRules: KeyRules;
  /** How many accounts without keys get some in a minute; 0: none. */
  readonly backfillPerMinute: number;
  readonly events: Pick<Events, "failed">;
  /** What mail to users leaves through. */
  readonly notices: NoticeDeps;
};

/** To be done once for an installation. */
export function keyTasks(deps: KeyTaskDeps): readonly Task[] {
  const { vault, keyRules, backfillPerMinute, events, notices } = deps;
  const { store, clock, serviceKeys, releaseLimits } = vault;
  const warning = { store, clock, serviceKeys, releaseLimits, events };
  const enrolment: Task = {
    name: "make keys",
    everyMs: MINUTE,
    run: async () => backfill(vault, keyRules, backfillPerMinute),
  };
  return [
    ...(backfillPerMinute === 0 ? [] : [enrolment]),
    { name: "extend keys", everyMs: HOUR, run: async () => extendKeys(deps) },
    { name: "follow rollouts", everyMs: DAY, run: async () => followRollouts(store) },
    { name: "warn of ends", everyMs: HOUR, run: async () => warnOfEnds(warning, notices) },
    {
      name: "delete closed accounts",
      everyMs: HOUR,
      run: async () => {
        await purgeClosedAccounts(vault);
        await purgeReserved(store, clock.now());
        await purgeReleased(store, clock.now());
      },
    },
  ];
}

/** Keys that the provider may use; those of the others live longer when their owners log in. */
async function extendKeys(deps: KeyTaskDeps): Promise<void> {
  for await (const { address } of keysThatEnd(deps.vault, EXTEND_BEFORE_MS)) {
    await extendFor(deps, address);
  }
}

async function extendFor(
  { vault, keyRules, events }: KeyTaskDeps,
  address: EmailAddress,
): Promise<void> {
  const owner = await findOwner(vault.store, address);
  if (owner === undefined) return;
  using masterKey = await openWithService(vault, owner);
  if (masterKey === undefined) return;
  try {
    await upkeep(vault, keyRules, masterKey);
  } catch (error) {
    events.failed("extend keys", error);
  }
}
