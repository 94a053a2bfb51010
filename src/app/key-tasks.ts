/** What the life of keys needs while nobody is logged in. */
import { after, HOUR, MINUTE } from "../base/time.ts";
import { backfill } from "../keys/backfill.ts";
import { purgeClosedAccounts } from "../keys/end-account.ts";
import { openWithService } from "../keys/master-key.ts";
import { EXTEND_BEFORE_MS, upkeep } from "../keys/upkeep.ts";
import type { EmailAddress } from "../mail/address.ts";
import { findAliased } from "../store/aliases.ts";
import { listExpiring, type PublishedCertificate } from "../store/certificates.ts";
import { purgeTombstones } from "../store/tombstones.ts";
import type { Parts } from "./parts.ts";
import type { Task } from "./schedule.ts";

const PAGE = 500;

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
  const now = parts.clock.now();
  const before = after(now, EXTEND_BEFORE_MS);
  let last: PublishedCertificate | undefined;
  for (;;) {
    const page = await listExpiring(parts.store, now, before, { limit: PAGE, after: last });
    for (const { address } of page) await extendFor(parts, address);
    last = page.at(-1);
    if (page.length < PAGE) return;
  }
}

async function extendFor(parts: Parts, address: EmailAddress): Promise<void> {
  const owner = (await findAliased(parts.store, address)) ?? address;
  using masterKey = await openWithService(parts, owner);
  if (masterKey === undefined) return;
  try {
    await upkeep(parts, parts.keyRules, masterKey);
  } catch (error) {
    parts.events.failed("extend keys", error);
  }
}
