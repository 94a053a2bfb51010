/**
 * Whether the database can keep what is answered 250: asked every minute, and by whoever asks `/readyz`. What was wrong
 * is said once, and once more when it is over.
 */
import { errorText } from "../base/errors.ts";
import { MINUTE } from "../base/time.ts";
import type { BlobStore } from "../blobs/blobs.ts";
import type { Task } from "../jobs/tasks.ts";
import { writeProbe } from "../store/discovery/clock-seen.ts";
import type { Store } from "../store/store.ts";
import type { Events } from "./events.ts";

/** Minimum room on the disk of a SQLite file: two messages of the largest size, with what they grow by. */
const MIN_ROOM_BYTES = 100 * 1024 * 1024;

export type DatabaseState =
  | { readonly kind: "good" }
  | { readonly kind: "bad"; readonly why: string };

export type DatabaseGuard = {
  /** Looks, and tells the log what changed. */
  readonly look: () => Promise<DatabaseState>;
  readonly task: Task;
};

type Deps = {
  readonly store: Store;
  /** What is stored of a message is partly here. */
  readonly blobs: Pick<BlobStore, "roomBytes">;
  readonly events: Pick<Events, "databaseChanged">;
};

/** `minRoomBytes` is another in tests. */
export function guardDatabase(
  { store, blobs, events }: Deps,
  minRoomBytes: number = MIN_ROOM_BYTES,
): DatabaseGuard {
  let last: DatabaseState["kind"] = "good";
  const look = async (): Promise<DatabaseState> => {
    const state = await stateOf({ store, blobs }, minRoomBytes);
    if (state.kind !== last) events.databaseChanged(state.kind === "bad" ? state.why : undefined);
    last = state.kind;
    return state;
  };
  return { look, task: { name: "look at the database", everyMs: MINUTE, run: look } };
}

async function stateOf(
  { store, blobs }: Pick<Deps, "store" | "blobs">,
  minRoomBytes: number,
): Promise<DatabaseState> {
  const log = store.checkLog();
  if (log.kind === "lost") return { kind: "bad", why: log.why };
  try {
    await writeProbe(store);
    const rooms = [
      { room: store.roomBytes(), of: "the database" },
      { room: await blobs.roomBytes(), of: "the bodies" },
    ];
    const little = rooms.find(({ room }) => room !== undefined && room < minRoomBytes);
    if (little?.room === undefined) return { kind: "good" };
    const mebibytes = Math.floor(little.room / 1024 / 1024);
    return { kind: "bad", why: `only ${mebibytes} MiB are left on the disk of ${little.of}` };
  } catch (error) {
    return { kind: "bad", why: errorText(error) };
  }
}
