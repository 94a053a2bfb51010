import assert from "node:assert/strict";
import { test } from "node:test";

import { engines } from "../../test/support/engines.ts";
import { systemClock } from "../base/time.ts";
import { migrate } from "../store/engine/migrate.ts";
import { openServingStore } from "../store/engine/serving-store.ts";
import type { Store } from "../store/store.ts";
import { startSchedule } from "./schedule.ts";

/** The distance of the tasks: longer than the shortest wait of the schedule. */
const EVERY_MS = 200;
const RUNS = 4;

for (const { engine, place } of engines()) {
  test(`${engine}: two schedules on one database run what is done once one at a time, in its period, and the rest each`, async () => {
    const shared = await place();
    await using one = await openServingStore(shared);
    await migrate(one);
    await using other = await openServingStore(shared);
    const begins: number[] = [];
    const own = [0, 0];
    const enough = Promise.withResolvers<undefined>();
    const failures: unknown[] = [];
    const start = (store: Store, number: 0 | 1): AsyncDisposable => {
      const count = async (): Promise<void> => {
        own[number] = (own[number] ?? 0) + 1;
        return Promise.resolve();
      };
      const begin = async (): Promise<void> => {
        begins.push(performance.now());
        if (begins.length === RUNS) enough.resolve(undefined);
        return Promise.resolve();
      };
      const deps = {
        store,
        clock: systemClock,
        events: { failed: (what: string, error: unknown) => failures.push(what, error) },
        purgeDiscoveries: async () => Promise.resolve(),
      };
      return startSchedule(deps, {
        inEachProcess: [{ name: "own", everyMs: EVERY_MS, run: count }],
        once: [{ name: "shared", everyMs: EVERY_MS, run: begin }],
      });
    };
    {
      await using _one = start(one, 0);
      await using _other = start(other, 1);
      await enough.promise;
    }
    assert.deepEqual(failures, []);
    const gaps = begins.slice(1).map((at, index) => at - (begins[index] ?? 0));
    // A tenth less than the distance, and some milliseconds between the clocks.
    assert(
      gaps.every((gap) => gap > 0.8 * EVERY_MS),
      gaps.join(" "),
    );
    assert(own.every((runs) => runs >= 1));
    const tasks = await one.db
      .selectFrom("jobs")
      .select(["subject", "holder"])
      .orderBy("subject")
      .execute();
    const names = [
      "purge attempts",
      "purge discoveries",
      "purge protected names",
      "purge trace",
      "shared",
    ];
    assert.deepEqual(
      tasks,
      names.map((subject) => ({ subject, holder: "" })),
    );
  });
}
