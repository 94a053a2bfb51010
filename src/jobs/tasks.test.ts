import assert from "node:assert/strict";
import { fork } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { test } from "node:test";

import { fakeClock } from "../../test/support/clock.ts";
import { engines } from "../../test/support/engines.ts";
import { after, DAY, HOUR, MINUTE, SECOND } from "../base/time.ts";
import { migrate } from "../store/engine/migrate.ts";
import { openServingStore } from "../store/engine/serving-store.ts";
import { readJob } from "../store/jobs/jobs.ts";
import { LEASE_MS } from "../store/jobs/leases.ts";
import type { Store, StoreOptions } from "../store/store.ts";
import { runOnce, type Task } from "./tasks.ts";

const PROGRAM = join(import.meta.dirname, "../../test/support/task-process.ts");
const JOB = { kind: "task", subject: "purge" } as const;

/** An hourly task, and how often it was run. */
function hourly(work: () => Promise<void> = async () => Promise.resolve()) {
  const runs: number[] = [];
  const task: Task = {
    name: JOB.subject,
    everyMs: HOUR,
    run: async () => {
      runs.push(runs.length);
      await work();
    },
  };
  return { runs, task };
}

async function migrated(place: StoreOptions): Promise<Store> {
  const store = await openServingStore(place);
  await migrate(store);
  return store;
}

/** Takes the task in a process of its own, which is then killed. */
async function dieWithTask(place: StoreOptions): Promise<void> {
  const child = fork(PROGRAM, [JOB.subject, JSON.stringify(place)]);
  const ended = once(child, "exit");
  const [said] = (await Promise.race([once(child, "message"), ended])) as unknown[];
  assert.equal(said, "begun");
  child.kill("SIGKILL");
  await ended;
}

for (const { engine, place } of engines()) {
  test(`${engine}: of two processes one runs a task in its period, whichever asks first`, async () => {
    const shared = await place();
    await using one = await migrated(shared);
    await using other = await openServingStore(shared);
    const clock = fakeClock();
    const { runs, task } = hourly();
    const ask = async () =>
      Promise.all([one, other, one].map(async (store) => runOnce({ store, clock }, task)));
    for (const expected of [1, 2, 3]) {
      await ask();
      await ask();
      assert.equal(runs.length, expected);
      const dueAt = (await readJob(one, JOB))?.dueAt ?? assert.fail();
      const distance = dueAt.getTime() - clock.now().getTime();
      assert(distance >= 0.9 * HOUR && distance <= 1.1 * HOUR, String(distance));
      clock.set(after(dueAt, -1));
      assert.deepEqual(await runOnce({ store: other, clock }, task), dueAt);
      assert.equal(runs.length, expected, "it is not yet due");
      clock.set(dueAt);
    }
  });

  test(`${engine}: a task whose process is killed is taken by another one after the lease`, async () => {
    const shared = await place();
    await using store = await migrated(shared);
    await dieWithTask(shared);
    const leaseEnd = (await readJob(store, JOB))?.dueAt ?? assert.fail();
    const clock = fakeClock(after(leaseEnd, -1));
    const { runs, task } = hourly();
    assert.deepEqual(await runOnce({ store, clock }, task), leaseEnd);
    assert.equal(runs.length, 0);
    clock.set(leaseEnd);
    await runOnce({ store, clock }, task);
    assert.equal(runs.length, 1);
  });

  test(`${engine}: a task that takes longer than its lease keeps it, and is run by nobody else`, async () => {
    await using store = await migrated(await place());
    const clock = fakeClock();
    const begun = Promise.withResolvers<undefined>();
    const end = Promise.withResolvers<undefined>();
    const { runs, task } = hourly(async () => {
      begun.resolve(undefined);
      await end.promise;
    });
    const running = runOnce({ store, clock }, task, { beatMs: 1, maxMs: HOUR });
    await begun.promise;
    for (let turn = 0; turn < 3; turn += 1) {
      clock.advance(LEASE_MS - MINUTE);
      const until = after(clock.now(), LEASE_MS).getTime();
      const deadline = performance.now() + 30 * SECOND;
      while (((await readJob(store, JOB))?.dueAt.getTime() ?? 0) < until) {
        assert(performance.now() < deadline, "the lease is not prolonged");
      }
    }
    await runOnce({ store, clock }, task);
    assert.equal(runs.length, 1);
    end.resolve(undefined);
    await running;
  });

  test(`${engine}: a task that never ends is given up, and is run again at its distance`, async () => {
    await using store = await migrated(await place());
    const clock = fakeClock();
    const { runs, task } = hourly(async () => new Promise<never>(() => undefined));
    const limits = { beatMs: HOUR, maxMs: 20 };
    await assert.rejects(runOnce({ store, clock }, task, limits), /purge did not end in time/);
    await runOnce({ store, clock }, task, limits);
    assert.equal(runs.length, 1);
    clock.advance(1.1 * HOUR);
    await assert.rejects(runOnce({ store, clock }, task, limits), /did not end in time/);
    assert.equal(runs.length, 2);
  });

  test(`${engine}: a task that fails is tried again at its distance, and a clock that is set back holds none`, async () => {
    await using store = await migrated(await place());
    const clock = fakeClock();
    const { runs, task } = hourly(async () => Promise.reject(new Error("not now")));
    await assert.rejects(runOnce({ store, clock }, task), /not now/);
    await runOnce({ store, clock }, task);
    assert.equal(runs.length, 1);
    clock.advance(1.1 * HOUR);
    await assert.rejects(runOnce({ store, clock }, task), /not now/);
    clock.advance(-30 * DAY);
    await assert.rejects(runOnce({ store, clock }, task), /not now/);
    assert.equal(runs.length, 3);
  });
}
