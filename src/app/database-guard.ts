/**
 * Whether the database can keep what is answered 250: asked every minute, and by whoever asks `/readyz`. What was wrong
 * is said once, and once more when it is over.
 */
import { errorText } from "../base/errors.ts";
import { MINUTE } from "../base/time.ts";
import { writeProbe } from "../store/discovery/clock-seen.ts";
import type { Store } from "../store/store.ts";
import type { Events } from "./events.ts";
import type { Task } from "./schedule.ts";

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

/** `minRoomBytes` is another in tests. */
export function guardDatabase(
  { store, events }: { readonly store: Store; readonly events: Pick<Events, "databaseChanged"> },
  minRoomBytes: number = MIN_ROOM_BYTES,
): DatabaseGuard {
  let last: DatabaseState["kind"] = "good";
  const look = async (): Promise<DatabaseState> => {
    const state = await stateOf(store, minRoomBytes);
    if (state.kind !== last) events.databaseChanged(state.kind === "bad" ? state.why : undefined);
    last = state.kind;
    return state;
  };
  return { look, task: { name: "look at the database", everyMs: MINUTE, run: look } };
}

async function stateOf(store: Store, minRoomBytes: number): Promise<DatabaseState> {
  const log = store.checkLog();
  if (log.kind === "lost") return { kind: "bad", why: log.why };
  try {
    await writeProbe(store);
    const room = store.roomBytes();
    if (room === undefined || room >= minRoomBytes) return { kind: "good" };
    const mebibytes = Math.floor(room / 1024 / 1024);
    return { kind: "bad", why: `only ${mebibytes} MiB are left on the disk of the database` };
  } catch (error) {
    return { kind: "bad", why: errorText(error) };
  }
}
