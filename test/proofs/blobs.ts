/**
 * Processes are killed (SIGKILL) right after each step of what happens to bodies in a folder: a statement, a commit, a change
 * of a file. What they leave has the octets of every row. What no row names is gone after a sweep.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { migrate } from "../../src/store/engine/migrate.ts";
import type { Engine } from "../../src/store/store.ts";
import { BLOB_EVENTS, folderOf, makeBodies, requireWhole } from "../support/blob-events.ts";
import type { BlobOrder } from "../support/blob-process.ts";
import { openPlaces, type Place } from "../support/key-event-places.ts";
import { everyStep, runToKill } from "../support/kill-runs.ts";
import { openTestStore } from "../support/tag-keys.ts";

/** How many steps an event has, and how many times it was killed. */
export type BlobReport = { readonly event: string; readonly steps: number; readonly kills: number };

/** Kills after the steps that `chosen` picks of all, in the named events. */
export async function proveBlobs(
  engine: Engine,
  names: readonly string[] = Object.keys(BLOB_EVENTS),
  chosen: (steps: number) => readonly number[] = everyStep,
): Promise<readonly BlobReport[]> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-blob-kills-"));
  try {
    await using places = await openPlaces(engine, dir);
    const base = await places.make();
    {
      await using store = await openTestStore(base.database);
      await migrate(store);
      await makeBodies({ store, folder: folderOf(base) });
    }
    const reports: BlobReport[] = [];
    for (const event of names) {
      const whole = await places.copy(base);
      const steps = await runEvent(whole, event, 0);
      assert(steps !== undefined, `${event} died by itself`);
      await look(whole, event);
      const kills = chosen(steps);
      for (const killAfter of kills) {
        const place = await places.copy(base);
        const at: string = `${event}, killed after step ${String(killAfter)} of ${String(steps)}`;
        assert.equal(await runEvent(place, event, killAfter), undefined, `not killed: ${at}`);
        await look(place, event).catch((cause: unknown) => {
          throw new Error(at, { cause });
        });
      }
      reports.push({ event, steps, kills: kills.length });
    }
    return reports;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

async function runEvent(
  place: Place,
  event: string,
  killAfter: number,
): Promise<number | undefined> {
  const { database } = place;
  const order: BlobOrder = { event, database, folder: folderOf(place), killAfter };
  return runToKill("blob-process.ts", order);
}

async function look(place: Place, event: string): Promise<void> {
  await using store = await openTestStore(place.database);
  await requireWhole({ store, folder: folderOf(place) }, event);
}
