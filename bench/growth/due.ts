/** A fixed number of everything that a periodic task works on, whatever the number of accounts. */
import { sql } from "kysely";

import { after, DAY, fromUnixMs } from "../../src/base/time.ts";
import { insertJob } from "../../src/store/jobs/jobs.ts";
import { insertAccount, updateAccount } from "../../src/store/accounts/accounts.ts";
import type { Store } from "../../src/store/store.ts";
import { newAccountId } from "../../src/words/account.ts";
import { addressOf } from "../../test/support/address.ts";
import { manyAddress, manyId } from "../../test/support/many-rows.ts";

/** How many rows are due for each task. */
export const DUE = 100;

export async function haveDue(store: Store, now: Date): Promise<void> {
  const long = after(now, -100 * DAY);
  const at = long.getTime();
  const nothing = new Uint8Array();
  for (let n = 1; n <= DUE; n += 1) {
    const name = `due${String(n)}@d1.test`;
    await store.transaction(async (tx) => {
      const { db } = tx;
      await db
        .insertInto("trace")
        .values({
          message_id: name,
          at,
          direction: "out",
          step: "plan",
          detail: "{}",
          expires_at: at,
        })
        .execute();
      await db.insertInto("attempts").values({ key: name, window_start: at, count: 1 }).execute();
      await db.insertInto("reserved_addresses").values({ tag: name, reserved_at: at }).execute();
      await db
        .insertInto("outbox")
        .values({
          id: name,
          account: manyId(n),
          sender: manyAddress(n),
          message_id: name,
          envelope: "{}",
          wrapped: nothing,
        })
        .execute();
      await insertJob(tx, {
        kind: "outbox",
        subject: name,
        account: manyId(n),
        createdAt: fromUnixMs(at),
      });
      await sql`update published_certificates set expires_at = ${after(now, 10 * DAY).getTime() + n}
        where address = ${manyAddress(n)}`.execute(db);
      const rest = { policy: undefined, mailboxKey: "same", createdAt: long } as const;
      const open = { ...rest, id: newAccountId(), custody: "unlocks-at-login" } as const;
      await insertAccount(tx, { ...open, address: addressOf(`no-key${String(n)}@d1.test`) });
      const closed = { ...rest, id: newAccountId(), custody: "user-device-only" } as const;
      await insertAccount(tx, { ...closed, address: addressOf(`closed${String(n)}@d1.test`) });
      await updateAccount(tx, closed.id, { closedAt: long });
    });
  }
  await haveStaleDiscoveries(store, now);
  await sql`update addresses set since = ${at} where state = 'released'`.execute(store.db);
}

/** What the caches hold for longer than they may. */
export async function haveStaleDiscoveries({ db }: Store, now: Date): Promise<void> {
  const at = after(now, -10 * DAY).getTime();
  for (let n = 1; n <= DUE; n += 1) {
    const address = `stale${String(n)}@elsewhere.test`;
    const certificate = { certificate: new Uint8Array(600), fetched_at: at };
    await db
      .insertInto("cached_certificates")
      .values({ address, mailbox: address, keyserver: "", fresh_until: at, ...certificate })
      .execute();
    await db
      .insertInto("author_keys")
      .values({ author: address, fingerprint: "F", domain: "x", state: "found", ...certificate })
      .execute();
  }
}
