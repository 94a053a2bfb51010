import { SECOND } from "../base/time.ts";
import type { Task } from "../jobs/tasks.ts";
import { standingAlarms } from "../keys/releases.ts";
import type { Store } from "../store/store.ts";
import type { Events } from "./events.ts";

const EVERY_MS = 10 * SECOND;

/**
 * Logs each alarm on released revocations once, whichever process or command raised it: it comes from the audit log, so that
 * none is told that was undone. A process that starts tells those that still stand.
 */
export function watchReleases({
  store,
  events,
}: {
  readonly store: Store;
  readonly events: Pick<Events, "revocationAlarm">;
}): Task {
  let seen = 0;
  return {
    name: "watch released revocations",
    everyMs: EVERY_MS,
    run: async () => {
      for (const { seq, kind, within, released, limit } of await standingAlarms(store, seen)) {
        events.revocationAlarm(kind, { within, released, limit });
        seen = seq;
      }
    },
  };
}
