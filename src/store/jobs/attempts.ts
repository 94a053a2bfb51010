/** How often jobs were tried. */
import type { JobKind, JobName } from "../../words/job.ts";
import type { Store } from "../store.ts";

/** Takes one attempt back, whoever has the job, which may be taken earlier by `soonerMs`. The first attempt takes the job along. */
export async function takeBackAttempt(
  store: Store,
  { kind, subject }: JobName,
  soonerMs: (attempts: number) => number,
): Promise<void> {
  await store.transaction(async (tx) => {
    const query = tx.db
      .selectFrom("jobs")
      .select(["id", "attempts", "due_at"])
      .where("kind", "=", kind)
      .where("subject", "=", subject);
    const row = await (tx.engine === "postgres" ? query.forUpdate() : query).executeTakeFirst();
    if (row === undefined) return;
    const { id, attempts, due_at: dueAt } = row;
    if (attempts <= 1) await tx.db.deleteFrom("jobs").where("id", "=", id).execute();
    else {
      const next = { attempts: attempts - 1, due_at: dueAt - soonerMs(attempts) };
      await tx.db.updateTable("jobs").set(next).where("id", "=", id).execute();
    }
  });
}

/** How many jobs there are of a kind, those with at least so many attempts. */
export async function countJobs(store: Store, kind: JobKind, attempts: number): Promise<number> {
  const row = await store.db
    .selectFrom("jobs")
    .select((of) => of.fn.countAll<number>().as("count"))
    .where("kind", "=", kind)
    .where("attempts", ">=", attempts)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}
