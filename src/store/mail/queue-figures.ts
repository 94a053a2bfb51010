/** How much waits, and since when. */
import { sql } from "kysely";

import { fromUnixMs } from "../../base/time.ts";
import type { JobKind } from "../../words/job.ts";
import type { Store } from "../store.ts";

export type QueueFigures = {
  readonly count: number;
  /** When the oldest came; undefined when nothing waits. */
  readonly oldest: Date | undefined;
};

/** Accepted copies that the next hop has not taken yet, or accepted messages whose recipients are not certain. */
export async function queueFigures(
  { db }: Store,
  kind: Extract<JobKind, "outbox" | "deferred">,
): Promise<QueueFigures> {
  const row = await db
    .selectFrom("jobs")
    .select((of) => [
      of.fn.countAll<number>().as("count"),
      of.fn.min<number | null>("created_at").as("oldest"),
    ])
    .where("kind", "=", kind)
    .executeTakeFirstOrThrow();
  return figures(row);
}

/** Received mail that waits for its reader's key or its author's keyserver. */
export async function pendingFigures({ db }: Store): Promise<QueueFigures> {
  const { count } = await db
    .selectFrom("spool_use")
    .select((of) => of.fn.coalesce(of.fn.sum<number>("messages"), of.val(0)).as("count"))
    .where("messages", ">", sql.lit(0))
    .executeTakeFirstOrThrow();
  const { oldest } = await db
    .selectFrom("spool")
    .select((of) => of.fn.min<number | null>("received_at").as("oldest"))
    .executeTakeFirstOrThrow();
  return figures({ count, oldest });
}

function figures({
  count,
  oldest,
}: {
  readonly count: number | string;
  readonly oldest: number | string | null;
}): QueueFigures {
  return { count: Number(count), oldest: oldest === null ? undefined : fromUnixMs(Number(oldest)) };
}
