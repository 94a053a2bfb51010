/** Events that are interrupted after each of their steps, from the same state each time. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import type { Engine } from "../../src/store/store.ts";
import { openPlaces, type Place } from "./key-event-places.ts";
import { everyStep, runToKill } from "./kill-runs.ts";

/** How many steps an event has, and how many times it was killed. */
export type KilledEvent = {
  readonly event: string;
  readonly steps: number;
  readonly kills: number;
};

/** The events, and what is around them. */
export type Killing = {
  readonly names: readonly string[];
  /** Of the steps of an event, after which it is killed. */
  readonly chosen?: ((steps: number) => readonly number[]) | undefined;
  /** Makes the state that each event begins with; `names` have the same. */
  readonly make: (place: Place) => Promise<void>;
  /** The program of this folder that does an event, and what it is told. */
  readonly program: string;
  readonly orderOf: (place: Place, event: string, killAfter: number) => object;
  /** Throws when what an event left, whole or killed, is not right. */
  readonly look: (place: Place, event: string) => Promise<void>;
};

/** Does each event once, and again for each step after which it is killed. */
export async function killEvents(
  engine: Engine,
  { names, chosen = everyStep, make, program, orderOf, look }: Killing,
): Promise<readonly KilledEvent[]> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-killed-"));
  try {
    await using places = await openPlaces(engine, dir);
    const base = await places.make();
    await make(base);
    const reports: KilledEvent[] = [];
    for (const event of names) {
      const whole = await places.copy(base);
      const steps = await runToKill(program, orderOf(whole, event, 0));
      assert(steps !== undefined, `${event} died by itself`);
      await look(whole, event);
      const kills = chosen(steps);
      for (const killAfter of kills) {
        const place = await places.copy(base);
        const at: string = `${event}, killed after step ${String(killAfter)} of ${String(steps)}`;
        const order = orderOf(place, event, killAfter);
        assert.equal(await runToKill(program, order), undefined, `not killed: ${at}`);
        await look(place, event).catch((cause: unknown) => {
          throw new Error(at, { cause });
        });
        await rm(place.keyDir, { recursive: true, force: true });
      }
      reports.push({ event, steps, kills: kills.length });
    }
    return reports;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}
