/** Events that are interrupted after each of their steps, from the same state each time. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";

import type { Engine } from "../../src/store/store.ts";
import { openPlaces, type Place } from "./key-event-places.ts";
import { everyStep, runToKill } from "./kill-runs.ts";

/** How many steps an event has, how many times it was killed, and what it left: whole, and killed. */
export type KilledEvent<Left = void> = {
  readonly event: string;
  readonly steps: number;
  readonly kills: number;
  readonly whole: Left;
  readonly left: readonly Left[];
};

/** The events, and what is around them. */
export type Killing<Left = void> = {
  readonly names: readonly string[];
  /** Of the steps of an event, after which it is killed. */
  readonly chosen?: ((steps: number) => readonly number[]) | undefined;
  /** Makes the state that each event begins with; `names` have the same. */
  readonly make: (place: Place) => Promise<void>;
  /** The program of this folder that does an event, and what it is told. */
  readonly program: string;
  readonly orderOf: (place: Place, event: string, killAfter: number) => object;
  /** Throws when what an event left, whole or killed, is not right. */
  readonly look: (place: Place, event: string) => Promise<Left>;
};

/** Runs at a time: each is a process, which waits for its database now and then. */
const AT_ONCE = availableParallelism() + 1;

/** Works on values, some at a time. @throws what failed first, after what had begun. */
export async function eachOf<Value>(
  values: readonly Value[],
  work: (value: Value) => Promise<void>,
): Promise<void> {
  const left = [...values];
  const workers = Array.from({ length: AT_ONCE }, async () => {
    try {
      for (let one = left.shift(); one !== undefined; one = left.shift()) await work(one);
    } finally {
      left.length = 0;
    }
  });
  for (const done of await Promise.allSettled(workers)) {
    if (done.status === "rejected") throw done.reason;
  }
}

/** Does each event once, and again for each step after which it is killed. */
export async function killEvents<Left>(
  engine: Engine,
  { names, chosen = everyStep, make, program, orderOf, look }: Killing<Left>,
): Promise<readonly KilledEvent<Left>[]> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-killed-"));
  try {
    await using places = await openPlaces(engine, dir);
    const base = await places.make();
    await make(base);
    const reports: KilledEvent<Left>[] = [];
    for (const event of names) {
      const whole = await places.copy(base);
      const steps = await runToKill(program, orderOf(whole, event, 0));
      assert(steps !== undefined, `${event} died by itself`);
      const done = await look(whole, event);
      await places.remove(whole);
      const left: Left[] = [];
      let count = 0;
      const kills = chosen(steps);
      await eachOf(kills, async (killAfter) => {
        const place = await places.copy(base);
        const at: string = `${event}, killed after step ${String(killAfter)} of ${String(steps)}`;
        const order = orderOf(place, event, killAfter);
        // Names of files are random, and their folders are there or not: some runs have fewer steps than the first.
        const taken = await runToKill(program, order);
        assert(taken === undefined || taken < killAfter, `not killed: ${at}`);
        if (taken === undefined) count += 1;
        const found = await look(place, event).catch((cause: unknown) => {
          throw new Error(at, { cause });
        });
        left.push(found);
        await places.remove(place);
      });
      reports.push({ event, steps, kills: count, whole: done, left });
    }
    return reports;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
