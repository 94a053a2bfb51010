/** What the life of keys needs while nobody is logged in. */
import { HOUR, MINUTE } from "../base/time.ts";
import { backfill } from "../keys/backfill.ts";
import { purgeClosedAccounts } from "../keys/end-account.ts";
import { keysThatEnd } from "../keys/expiry-warnings.ts";
import { openWithService } from "../vault/master-key.ts";
import { EXTEND_BEFORE_MS, upkeep } from "../keys/upkeep.ts";
import type { EmailAddress } from "../mail/address.ts";
import { findOwner, purgeReleased } from "../store/accounts/addresses.ts";
import { purgeReserved } from "../store/accounts/reserved-addresses.ts";
import { warnOfEnds, type NoticeDeps } from "./end-warnings.ts";
import type { Parts } from "./parts.ts";
import type { Task } from "./schedule.ts";

/** `notices`: what mail to users leaves through. */
export function keyTasks(parts: Parts, notices: NoticeDeps): readonly Task[] {
  const { backfillPerMinute } = parts.config.keys;
  const enrolment: Task = {
    name: "make keys",
    everyMs: MINUTE,
    run: async () => backfill(parts, parts.keyRules, backfillPerMinute),
  };
  return [
    ...(backfillPerMinute === 0 ? [] : [enrolment]),
    { name: "extend keys", everyMs: HOUR, run: async () => extendKeys(parts) },
    { name: "warn of ends", everyMs: HOUR, run: async () => warnOfEnds(parts, notices) },
    {
      name: "delete closed accounts",
      everyMs: HOUR,
      run: async () => {
        await purgeClosedAccounts(parts);
        await purgeReserved(parts.store, parts.clock.now());
        await purgeReleased(parts.store, parts.clock.now());
      },
    },
  ];
}

/** Keys that the provider may use; those of the others live longer when their owners log in. */
async function extendKeys(parts: Parts): Promise<void> {
  for await (const { address } of keysThatEnd(parts, EXTEND_BEFORE_MS)) {
    await extendFor(parts, address);
  }
}

async function extendFor(parts: Parts, address: EmailAddress): Promise<void> {
  const owner = await findOwner(parts.store, address);
  if (owner === undefined) return;
  using masterKey = await openWithService(parts, owner);
  if (masterKey === undefined) return;
  try {
    await upkeep(parts, parts.keyRules, masterKey);
  } catch (error) {
    parts.events.failed("extend keys", error);
  }
}
