import assert from "node:assert/strict";
import { test } from "node:test";

import { engines } from "../../../test/support/engines.ts";
import { after, DAY, fromUnixMs, HOUR, MINUTE } from "../../base/time.ts";
import { migrate } from "../engine/migrate.ts";
import { openServingStore } from "../engine/serving-store.ts";
import type { Store } from "../store.ts";
import { countJobs, takeBackAttempt } from "./attempts.ts";
import {
  deleteJob,
  extendLease,
  holdJob,
  insertJob,
  putOffJob,
  readJob,
  takeDueJob,
  takeJobNamed,
  type Taking,
} from "./jobs.ts";

const NOW = fromUnixMs(1_795_000_000_000);
const LEASE_MS = 10 * MINUTE;

function at(now: Date): Taking {
  return { now, until: after(now, LEASE_MS), latest: after(now, 2 * HOUR) };
}

/** Adds copies that are due one minute after the other. */
async function addCopies(store: Store, subjects: readonly string[]): Promise<void> {
  for (const [index, subject] of subjects.entries()) {
    const createdAt = after(NOW, index * MINUTE);
    await insertJob(store, { kind: "outbox", subject, account: undefined, createdAt });
  }
}

for (const { engine, open, place } of engines()) {
  test(`${engine}: of a kind the job is taken that has been due for longest, and none before its time`, async () => {
    await using store = await open();
    await addCopies(store, ["first", "second"]);
    await takeJobNamed(store, { kind: "task", subject: "purge" }, at(after(NOW, -DAY)));
    assert.equal(await takeDueJob(store, "outbox", at(after(NOW, -1))), undefined);
    assert.equal((await takeDueJob(store, "outbox", at(NOW)))?.subject, "first");
    assert.equal(await takeDueJob(store, "outbox", at(NOW)), undefined);
    assert.equal((await takeDueJob(store, "outbox", at(after(NOW, MINUTE))))?.subject, "second");
  });

  test(`${engine}: two processes that take at the same time never have the same job`, async () => {
    const shared = await place();
    await using one = await openServingStore(shared);
    await migrate(one);
    await using other = await openServingStore(shared);
    const names = Array.from({ length: 20 }, (_, index) => `copy ${String(index)}`);
    await addCopies(one, names);
    const takeAll = async (store: Store): Promise<readonly string[]> => {
      const taken: string[] = [];
      for (;;) {
        const job = await takeDueJob(store, "outbox", at(after(NOW, HOUR)));
        if (job === undefined) return taken;
        taken.push(job.subject);
      }
    };
    const taken = (await Promise.all([one, one, other, other].map(takeAll))).flat();
    assert.deepEqual(taken.toSorted(), names.toSorted());
    const turns = await Promise.all(
      [one, other, one, other].map(async (store) =>
        takeJobNamed(store, { kind: "task", subject: "purge" }, at(NOW)),
      ),
    );
    assert.equal(turns.filter((job) => job !== undefined).length, 1);
  });

  test(`${engine}: a lease that ran out is another process's, and its former holder writes nothing`, async () => {
    await using store = await open();
    await addCopies(store, ["copy"]);
    const dead = await takeDueJob(store, "outbox", at(NOW));
    assert(dead);
    assert.equal(await takeDueJob(store, "outbox", at(after(NOW, LEASE_MS - 1))), undefined);
    const later = after(NOW, LEASE_MS);
    const heir = await takeDueJob(store, "outbox", at(later));
    assert(heir);
    assert.equal(await holdJob(store, dead), false);
    assert.equal(await extendLease(store, dead, after(NOW, DAY)), false);
    assert.equal(await putOffJob(store, dead, { attempts: 9, dueAt: NOW }), false);
    assert.equal(await holdJob(store, heir), true);
    assert.equal(await extendLease(store, heir, after(later, 2 * LEASE_MS)), true);
    assert.equal(await takeDueJob(store, "outbox", at(after(later, LEASE_MS))), undefined);
    const dueAt = after(later, HOUR);
    assert.equal(await putOffJob(store, heir, { attempts: 1, dueAt }), true);
    assert.deepEqual(await readJob(store, heir), { attempts: 1, dueAt });
    assert.equal(await holdJob(store, heir), false);
    await deleteJob(store, heir);
    assert.equal(await takeDueJob(store, "outbox", at(dueAt)), undefined);
  });

  test(`${engine}: a job that was put off before the clock was set back is due, by its kind or its name`, async () => {
    await using store = await open();
    await addCopies(store, ["copy"]);
    const task = { kind: "task", subject: "purge" } as const;
    assert(await takeJobNamed(store, task, at(NOW)));
    for (const [back, isDue] of [
      [HOUR, false],
      [3 * HOUR, true],
    ] as const) {
      const now = after(NOW, -back);
      assert.equal((await takeDueJob(store, "outbox", at(now))) !== undefined, isDue);
      assert.equal((await takeJobNamed(store, task, at(now))) !== undefined, isDue);
    }
  });

  test(`${engine}: an attempt that is taken back makes a job due earlier, and the first one ends it`, async () => {
    await using store = await open();
    const name = { kind: "opening", subject: "message" } as const;
    await takeJobNamed(store, { ...name, attempts: 2 }, at(NOW));
    assert.deepEqual(
      [await countJobs(store, "opening", 2), await countJobs(store, "opening", 3)],
      [1, 0],
    );
    await takeBackAttempt(store, name, (attempts) => attempts * MINUTE);
    const dueAt = after(NOW, LEASE_MS - 2 * MINUTE);
    assert.deepEqual(await readJob(store, name), { attempts: 1, dueAt });
    await takeBackAttempt(store, name, () => 0);
    assert.equal(await readJob(store, name), undefined);
    await takeBackAttempt(store, name, () => 0);
  });
}
