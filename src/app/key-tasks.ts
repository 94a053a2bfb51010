/** What the life of keys needs while nobody is logged in. */
import { after, HOUR, MINUTE } from "../base/time.ts";
import { backfill } from "../keys/backfill.ts";
import { purgeClosedAccounts } from "../keys/end-account.ts";
import { openWithService } from "../keys/master-key.ts";
import { EXTEND_BEFORE_MS, upkeep } from "../keys/upkeep.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import { findAliased } from "../store/aliases.ts";
import { listExpiring } from "../store/certificates.ts";
import { purgeTombstones } from "../store/tombstones.ts";
import type { Parts } from "./parts.ts";
import type { Task } from "./schedule.ts";

/** So many keys are looked at in one run; the rest waits for the next. */
const MOST_EXPIRING = 500;

export function keyTasks(parts: Parts): readonly Task[] {
  const { backfillPerMinute } = parts.config.keys;
  const enrolment: Task = {
    name: "make keys",
    everyMs: MINUTE,
    run: async () => backfill(parts, parts.keyRules, backfillPerMinute),
  };
  return [
    ...(backfillPerMinute === 0 ? [] : [enrolment]),
    { name: "extend keys", everyMs: HOUR, run: async () => extendKeys(parts) },
    {
      name: "delete closed accounts",
      everyMs: HOUR,
      run: async () => {
        await purgeClosedAccounts(parts);
        await purgeTombstones(parts.store, parts.clock.now());
      },
    },
  ];
}

/** Keys that the provider may use; those of the others live longer when their owners log in. */
async function extendKeys(parts: Parts): Promise<void> {
  const before = after(parts.clock.now(), EXTEND_BEFORE_MS);
  const owners = new Map<string, EmailAddress>();
  for (const { address } of await listExpiring(parts.store, before, MOST_EXPIRING)) {
    const owner = (await findAliased(parts.store, address)) ?? address;
    owners.set(canonicalAddress(owner), owner);
  }
  for (const owner of owners.values()) {
    using masterKey = await openWithService(parts, owner);
    if (masterKey === undefined) continue;
    try {
      await upkeep(parts, parts.keyRules, masterKey);
    } catch (error) {
      parts.events.failed("extend keys", error);
    }
  }
}
