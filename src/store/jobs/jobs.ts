/**
 * The table of work that is to be done once, by whichever process takes it. A job is named by its kind and its subject.
 * `due_at` says when it may be taken: when it is due or, while `holder` has it, when that lease ends. A process that dies
 * with a job therefore only delays it. A row is deleted in the transaction that deletes what it refers to.
 */
import { randomUUID } from "node:crypto";
import { sql, type Selectable } from "kysely";

import { fromUnixMs } from "../../base/time.ts";
import type { AccountId } from "../../words/account.ts";
import type { JobKind, JobName } from "../../words/job.ts";
import { compiled } from "../engine/compiled.ts";
import { textOrNone } from "../engine/row.ts";
import type { Schema } from "../engine/schema.ts";
import type { Store } from "../store.ts";

export type Job = JobName & {
  readonly account: AccountId | undefined;
  /** How often it was tried and put off; of an opening how often it was begun. */
  readonly attempts: number;
  readonly createdAt: Date;
};

/** A job that was taken. `holder` tells this taking apart from every other one. */
export type HeldJob = Job & { readonly holder: string };

/** When a job is taken, and until when the process has it. */
export type Taking = {
  readonly now: Date;
  readonly until: Date;
  /** No job is put off beyond this time: one that is due later was written before the clock was set back, and is due now. */
  readonly latest: Date;
};

const COLUMNS = ["kind", "subject", "account", "attempts", "holder", "created_at"] as const;

/** Adds a job that is due at once, or at `dueAt`. `reason` says why it waits, where somebody may ask. */
export async function insertJob(
  store: Store,
  {
    kind,
    subject,
    account,
    createdAt,
    dueAt = createdAt,
    reason = "",
  }: Omit<Job, "attempts"> & { readonly dueAt?: Date; readonly reason?: string },
): Promise<void> {
  const [due_at, created_at] = [dueAt.getTime(), createdAt.getTime()];
  const row = { kind, subject, account: account ?? "", reason, due_at, created_at };
  await store.db
    .insertInto("jobs")
    .values({ id: randomUUID(), ...row })
    .execute();
}

/** Takes the job of a kind that has been due for longest. */
export async function takeDueJob(
  store: Store,
  kind: JobKind,
  { now, until, latest }: Taking,
): Promise<HeldJob | undefined> {
  const take = async (tx: Store, when: "<=" | ">", bound: Date): Promise<HeldJob | undefined> => {
    const first = tx.db
      .selectFrom("jobs")
      .select("id")
      .where("kind", "=", kind)
      .where("due_at", when, bound.getTime())
      .orderBy("due_at")
      .limit(1);
    const row = await tx.db
      .updateTable("jobs")
      .set({ due_at: until.getTime(), holder: randomUUID() })
      .where("id", "=", tx.engine === "postgres" ? first.forUpdate().skipLocked() : first)
      .returning(COLUMNS)
      .executeTakeFirst();
    return row && heldFrom(row);
  };
  return store.transaction(
    async (tx) => (await take(tx, "<=", now)) ?? (await take(tx, ">", latest)),
  );
}

/**
 * Takes the job of this name, and adds it where there is none yet; `attempts` is counted with it. Undefined: it is not due,
 * or another process has it.
 */
export async function takeJobNamed(
  store: Store,
  { kind, subject, account, attempts = 0 }: JobName & Partial<Pick<Job, "account" | "attempts">>,
  { now, until, latest }: Taking,
): Promise<HeldJob | undefined> {
  const row = await takeNamed(store, {
    id: randomUUID(),
    kind,
    subject,
    account: account ?? "",
    attempts,
    holder: randomUUID(),
    now: now.getTime(),
    until: until.getTime(),
    latest: latest.getTime(),
  }).executeTakeFirst();
  return row && heldFrom(row);
}

type NamedTaking = Pick<Selectable<Schema["jobs"]>, "id" | "kind" | "subject" | "account"> &
  Pick<Selectable<Schema["jobs"]>, "attempts" | "holder"> & {
    readonly [Time in keyof Taking]: number;
  };

const takeNamed = compiled((db, job: NamedTaking) => {
  const { id, kind, subject, account, attempts, holder, now, until, latest } = job;
  const lease = { due_at: until, holder, attempts };
  return db
    .insertInto("jobs")
    .values({ id, kind, subject, account, created_at: now, ...lease })
    .onConflict((conflict) =>
      conflict
        .columns(["kind", "subject"])
        .doUpdateSet(lease)
        .where((of) => of.or([of("jobs.due_at", "<=", now), of("jobs.due_at", ">", latest)])),
    )
    .returning(COLUMNS);
});

/** Whether a lease still holds; if so it does until the caller's transaction ends. */
export async function holdJob(store: Store, { kind, subject, holder }: HeldJob): Promise<boolean> {
  const query = store.db
    .selectFrom("jobs")
    .select("id")
    .where("kind", "=", kind)
    .where("subject", "=", subject)
    .where("holder", "=", holder);
  const row = await (store.engine === "postgres" ? query.forUpdate() : query).executeTakeFirst();
  return row !== undefined;
}

/** Prolongs a lease. False: it ran out and another process has the job, or the job is gone. */
export async function extendLease(store: Store, job: HeldJob, until: Date): Promise<boolean> {
  const updated = await held(store, job).set({ due_at: until.getTime() }).executeTakeFirst();
  return updated !== undefined;
}

/** Ends a lease: the job is due again later. False: as in `extendLease`, and nothing is written. */
export async function putOffJob(
  store: Store,
  job: HeldJob,
  next: { readonly attempts: number; readonly dueAt: Date; readonly reason?: string },
): Promise<boolean> {
  const { attempts, dueAt, reason } = next;
  const updated = await held(store, job)
    .set({
      due_at: dueAt.getTime(),
      attempts,
      holder: "",
      ...(reason === undefined ? {} : { reason }),
    })
    .executeTakeFirst();
  return updated !== undefined;
}

/** Makes a job due now, unless somebody has it. False: somebody has it, or there is none of this name. */
export async function makeDue(
  store: Store,
  { kind, subject }: JobName,
  now: Date,
): Promise<boolean> {
  const updated = await store.db
    .updateTable("jobs")
    .set({ due_at: now.getTime() })
    .where("kind", "=", kind)
    .where("subject", "=", subject)
    .where("holder", "=", sql.lit(""))
    .returning("id")
    .executeTakeFirst();
  return updated !== undefined;
}

/** How often a job was tried, and when it may be taken next; undefined when there is none of this name. */
export async function readJob(
  store: Store,
  { kind, subject }: JobName,
): Promise<{ readonly attempts: number; readonly dueAt: Date } | undefined> {
  const row = await selectNamed(store, { kind, subject }).executeTakeFirst();
  return row && { attempts: row.attempts, dueAt: fromUnixMs(row.due_at) };
}

const selectNamed = compiled((db, { kind, subject }: JobName) =>
  db
    .selectFrom("jobs")
    .select(["attempts", "due_at"])
    .where("kind", "=", kind)
    .where("subject", "=", subject),
);

/** Deletes a job, whoever has it. */
export async function deleteJob(store: Store, { kind, subject }: JobName): Promise<void> {
  await deleteNamed(store, { kind, subject }).execute();
}

const deleteNamed = compiled((db, { kind, subject }: JobName) =>
  db.deleteFrom("jobs").where("kind", "=", kind).where("subject", "=", subject),
);

function held(store: Store, { kind, subject, holder }: HeldJob) {
  return store.db
    .updateTable("jobs")
    .where("kind", "=", kind)
    .where("subject", "=", subject)
    .where("holder", "=", holder)
    .returning("id");
}

function heldFrom(row: Pick<Selectable<Schema["jobs"]>, (typeof COLUMNS)[number]>): HeldJob {
  return {
    kind: row.kind,
    subject: row.subject,
    account: textOrNone(row.account) as AccountId | undefined,
    attempts: row.attempts,
    createdAt: fromUnixMs(row.created_at),
    holder: row.holder,
  };
}
