/**
 * Heads over all shards of the audit log: one is signed each second in which something was appended, and one is written to the
 * gateway's log each day.
 */
import { hex } from "../base/bytes.ts";
import { AppError } from "../base/errors.ts";
import { DAY } from "../base/time.ts";
import type { Task } from "../jobs/tasks.ts";
import { HEAD_EVERY_MS, signHead } from "../journal/audit-heads.ts";
import type { Store } from "../store/store.ts";
import type { Events } from "./events.ts";

type Deps = { readonly store: Store; readonly events: Pick<Events, "auditHead"> };

/** Signs heads. That none can be signed is told once, by an error. */
export function signHeads({ store }: Pick<Deps, "store">): Task {
  let isTold = false;
  return {
    name: "sign a head of the audit log",
    everyMs: HEAD_EVERY_MS,
    run: async () => {
      const { kind } = await signHead(store);
      if (kind === "signed" || isTold) return;
      isTold = true;
      throw new AppError(
        "no head of the audit log is signed: entries are gone, or the last head is under a service key that is not here. See: sealpost audit verify",
        { temporary: false },
      );
    },
  };
}

/** Logs the last head: each log that leaves the host is a witness of its own. */
export function logHead({ store, events }: Deps): Task {
  return {
    name: "log the head of the audit log",
    everyMs: DAY,
    run: async () => {
      const { head } = await signHead(store);
      events.auditHead({ rows: head.rows, hash: hex(head.hash) });
    },
  };
}
