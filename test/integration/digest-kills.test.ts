/** A process is killed after each step of sending digests: the next one tells whoever was not told yet, and nobody twice. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { DAY } from "../../src/base/time.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import { countClear } from "../../src/store/mail/clear-counts.ts";
import { haveAccounts, idOf } from "../support/accounts.ts";
import { addressOf } from "../support/address.ts";
import { fakeClock } from "../support/clock.ts";
import { sendAt, type DigestOrder } from "../support/digest-process.ts";
import { killEvents } from "../support/killed-events.ts";
import { openTestStore } from "../support/tag-keys.ts";

const AT_MS = fakeClock().now().getTime();
const YESTERDAY = Math.floor(AT_MS / DAY) - 1;
const USERS = ["alice@alpha.test", "bob@alpha.test"].map(addressOf);

for (const engine of ["sqlite", "postgres"] as const) {
  test(`${engine}: a day is told once, wherever a process is killed`, async (t) => {
    const [report] = await killEvents(engine, {
      names: ["digest"],
      make: async ({ database }) => {
        await using store = await openTestStore(database);
        await migrate(store);
        for (const user of USERS) {
          await haveAccounts(store, user);
          await countClear(store, idOf(user), { day: YESTERDAY, reasons: ["NOSVC"] });
        }
      },
      program: "digest-process.ts",
      orderOf: ({ database }, _event, killAfter): DigestOrder => ({
        database,
        atMs: AT_MS,
        killAfter,
      }),
      look: async ({ database }) => {
        await using store = await openTestStore(database);
        const told = await store.db.selectFrom("outbox").select("account").execute();
        // Nobody is told without their counts going, and these go with the mail alone.
        const counts = await store.db.selectFrom("clear_counts").select("account").execute();
        const counted = new Set(counts.map(({ account }) => account));
        assert.deepEqual(
          USERS.map(idOf).map((id) => told.some(({ account }) => account === id)),
          USERS.map(idOf).map((id) => !counted.has(id)),
        );
        await sendAt(store, AT_MS);
        const all = await store.db.selectFrom("outbox").select("account").execute();
        assert.deepEqual(all.map(({ account }) => account).toSorted(), USERS.map(idOf).toSorted());
        return told.length;
      },
    });
    assert(report && report.kills > 10 && report.whole === USERS.length);
    // It was killed before the first mail, between both, and after the second.
    assert.deepEqual(
      [...new Set(report.left)].toSorted((a, b) => a - b),
      [0, 1, 2],
    );
    t.diagnostic(`${String(report.steps)} steps, killed ${String(report.kills)} times`);
  });
}
