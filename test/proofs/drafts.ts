/**
 * Processes are killed (SIGKILL) right after each step of what happens to a draft: a statement, a commit, a change of a file.
 * What they leave is the draft before, or after, with all its attachments.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { Secret } from "../../src/base/secret.ts";
import type { BlobPlaces } from "../../src/blobs/blobs.ts";
import { after, HOUR } from "../../src/base/time.ts";
import { generateKey } from "../../src/openpgp/keys/generate.ts";
import { readSecretKey } from "../../src/openpgp/keys/secret-key.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import type { BlobPlace } from "../../src/store/mail/blobs.ts";
import type { Engine } from "../../src/store/store.ts";
import { addressOf } from "../support/address.ts";
import { folderOf } from "../support/blob-events.ts";
import { DRAFT_EVENTS, makeDraft, requireOldOrNew } from "../support/draft-events.ts";
import type { DraftOrder } from "../support/draft-process.ts";
import { openPlaces, type Place } from "../support/key-event-places.ts";
import { everyStep, runToKill } from "../support/kill-runs.ts";
import { NOW } from "../support/openpgp-messages.ts";
import { openTestStore } from "../support/tag-keys.ts";

/** How often an event was killed, and what was left then. */
export type DraftReport = {
  readonly event: string;
  readonly kills: number;
  readonly before: number;
  readonly after: number;
};

/** Kills after the steps that `chosen` picks of all, in the named events. */
export async function proveDrafts(
  engine: Engine,
  bodies: BlobPlace,
  names: readonly string[] = Object.keys(DRAFT_EVENTS),
  chosen: (steps: number) => readonly number[] = everyStep,
): Promise<readonly DraftReport[]> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-draft-kills-"));
  try {
    await using places = await openPlaces(engine, dir);
    const base = await places.make();
    const made = await generateKey({
      address: addressOf("bob@beta.test"),
      profile: "compat",
      now: after(NOW, -HOUR),
    });
    const run: Run = { bodies, secretKey: base64(made.secretKey.reveal()) };
    await withStore(run, base, async (place) => {
      await migrate(place.store);
      await makeDraft(place);
    });
    const reports: DraftReport[] = [];
    for (const event of names) {
      const whole = await places.copy(base);
      const steps = await runEvent(run, whole, event, 0);
      assert(steps !== undefined, `${event} died by itself`);
      const look = async (place: Place) =>
        withStore(run, place, async (opened) => requireOldOrNew(opened, event));
      assert.equal(await look(whole), "after", event);
      const left: string[] = [];
      for (const killAfter of chosen(steps)) {
        const place = await places.copy(base);
        const at: string = `${event}, killed after step ${String(killAfter)} of ${String(steps)}`;
        assert.equal(await runEvent(run, place, event, killAfter), undefined, `not killed: ${at}`);
        const found = await look(place).catch((cause: unknown) => {
          throw new Error(at, { cause });
        });
        left.push(found);
      }
      const then = left.filter((one) => one === "after").length;
      reports.push({ event, kills: left.length, before: left.length - then, after: then });
    }
    return reports;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

/** The secret key in base64. */
type Run = { readonly bodies: BlobPlace; readonly secretKey: string };

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

function placesOf({ bodies }: Run, place: Place): BlobPlaces {
  return { bodies, bodiesFolder: folderOf(place) };
}

async function runEvent(
  run: Run,
  place: Place,
  event: string,
  killAfter: number,
): Promise<number | undefined> {
  const { secretKey } = run;
  const { database } = place;
  const order: DraftOrder = { event, database, places: placesOf(run, place), secretKey, killAfter };
  return runToKill("draft-process.ts", order);
}

async function withStore<Value>(
  run: Run,
  place: Place,
  work: (opened: Parameters<typeof makeDraft>[0]) => Promise<Value>,
): Promise<Value> {
  await using store = await openTestStore(place.database);
  const key = await readSecretKey(new Secret(Buffer.from(run.secretKey, "base64")));
  return await work({ store, places: placesOf(run, place), key });
}
