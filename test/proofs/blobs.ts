/**
 * Processes are killed (SIGKILL) right after each step of what happens to bodies in a folder: a statement, a commit, a change
 * of a file. What they leave has the octets of every row. What no row names is gone after a sweep.
 */
import { migrate } from "../../src/store/engine/migrate.ts";
import type { Engine } from "../../src/store/store.ts";
import { BLOB_EVENTS, folderOf, makeBodies, requireWhole } from "../support/blob-events.ts";
import type { BlobOrder } from "../support/blob-process.ts";
import { killEvents, type KilledEvent, type Killing } from "../support/killed-events.ts";
import { openTestStore } from "../support/tag-keys.ts";

/** Kills after the steps that `chosen` picks of all, in the named events. */
export async function proveBlobs(
  engine: Engine,
  names: readonly string[] = Object.keys(BLOB_EVENTS),
  chosen?: Killing["chosen"],
): Promise<readonly KilledEvent[]> {
  return killEvents(engine, {
    names,
    chosen,
    make: async (place) => {
      await using store = await openTestStore(place.database);
      await migrate(store);
      await makeBodies({ store, folder: folderOf(place) });
    },
    program: "blob-process.ts",
    orderOf: (place, event, killAfter): BlobOrder => ({
      event,
      database: place.database,
      folder: folderOf(place),
      killAfter,
    }),
    look: async (place, event) => {
      await using store = await openTestStore(place.database);
      await requireWhole({ store, folder: folderOf(place) }, event);
    },
  });
}
