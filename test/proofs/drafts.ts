/**
 * Processes are killed (SIGKILL) right after each step of what happens to a draft: a statement, a commit, a change of a file.
 * What they leave is the draft before, or after, with all its attachments.
 */
import assert from "node:assert/strict";

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
import type { Place } from "../support/key-event-places.ts";
import { killEvents, type Killing } from "../support/killed-events.ts";
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
  chosen?: Killing["chosen"],
): Promise<readonly DraftReport[]> {
  const made = await generateKey({
    address: addressOf("bob@beta.test"),
    profile: "compat",
    now: after(NOW, -HOUR),
  });
  const run: Run = { bodies, secretKey: base64(made.secretKey.reveal()) };
  const { secretKey } = run;
  const killed = await killEvents(engine, {
    names,
    chosen,
    make: async (place) =>
      withStore(run, place, async (opened) => {
        await migrate(opened.store);
        await makeDraft(opened);
      }),
    program: "draft-process.ts",
    orderOf: (place, event, killAfter): DraftOrder => {
      const { database } = place;
      return { event, database, places: placesOf(run, place), secretKey, killAfter };
    },
    look: async (place, event) =>
      withStore(run, place, async (opened) => requireOldOrNew(opened, event)),
  });
  return killed.map(({ event, kills, whole, left }) => {
    assert.equal(whole, "after", event);
    const then = left.filter((one) => one === "after").length;
    return { event, kills, before: left.length - then, after: then };
  });
}

/** The secret key in base64. */
type Run = { readonly bodies: BlobPlace; readonly secretKey: string };

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString("base64");

function placesOf({ bodies }: Run, place: Place): BlobPlaces {
  return { bodies, bodiesFolder: folderOf(place) };
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
