/**
 * How often opening a waiting message was begun: a job, until the opening ends. A message that ends the process each time
 * must not be tried for ever, nor at every start; and a process that was ended by something else must cost no message.
 */
import { after, DAY } from "../../base/time.ts";
import type { AccountId } from "../../words/account.ts";
import { countJobs, takeBackAttempt } from "../jobs/attempts.ts";
import { deleteJob, readJob, takeJobNamed } from "../jobs/jobs.ts";
import { LEASE_MS, leaseFrom } from "../jobs/leases.ts";
import { verdictText, type MessageVerdict } from "../mail/verdict.ts";
import type { Store } from "../store.ts";
import { holdWaiting } from "./spool-rows.ts";

/** Maximum number of openings without an end; then the message is opened alone, and rarely. */
const MAX_OPENINGS = 3;
/** Maximum distance between two openings. */
const LAST_DISTANCE_MS = DAY;

/**
 * Counts an opening before it begins, so that it counts although the process dies of it; recording a verdict forgets the
 * count. `wait`: another process may be at it, or it is not time yet. `alone`: it ended too often, so it is to be
 * opened where it can end nobody else.
 *
 * The first openings leave no distance behind them: whoever logs in after a crash waits for nothing. Two processes may then
 * open one message at a time, which costs work and changes no verdict.
 */
export async function beginOpening(
  store: Store,
  account: AccountId,
  id: string,
  now: Date,
): Promise<"begun" | "alone" | "wait"> {
  const name = { kind: "opening", subject: id } as const;
  return store.transaction(async (tx) => {
    // Whoever begins or erases it at the same time waits for this transaction. The count is read after that wait.
    if (!(await holdWaiting(tx, account, id))) return "wait";
    const before = (await readJob(tx, name))?.attempts ?? 0;
    const attempts = before + 1;
    const until = after(now, distanceMs(attempts));
    const taking = { ...leaseFrom(now, LAST_DISTANCE_MS), until };
    const job = await takeJobNamed(tx, { ...name, account, attempts }, taking);
    if (job === undefined) return "wait";
    return before < MAX_OPENINGS ? "begun" : "alone";
  });
}

/**
 * How long after this opening the next may begin: twice as long each time. Not before a lease has passed, in which another
 * process may be at it.
 */
function distanceMs(attempts: number): number {
  if (attempts < MAX_OPENINGS) return 0;
  return Math.min(LEASE_MS * 2 ** (attempts - MAX_OPENINGS), LAST_DISTANCE_MS);
}

/** Takes back the count of an opening that ended without a verdict while its process went on. */
export async function endOpening(store: Store, id: string): Promise<void> {
  const soonerMs = (attempts: number) => distanceMs(attempts) - distanceMs(attempts - 1);
  await takeBackAttempt(store, { kind: "opening", subject: id }, soonerMs);
}

/** Lets a sealed message be opened as if it had just come. False: it is no sealed message of this account that waits. */
export async function openAgain(
  store: Store,
  account: AccountId,
  id: string,
  verdict: MessageVerdict,
): Promise<boolean> {
  return store.transaction(async (tx) => {
    if (!(await holdWaiting(tx, account, id))) return false;
    const updated = await tx.db
      .updateTable("spool")
      .set({ verdict: verdictText(verdict) })
      .where("id", "=", id)
      .where("account", "=", account)
      .where("form", "=", "sealed")
      .returning("id")
      .executeTakeFirst();
    if (updated === undefined) return false;
    await deleteJob(tx, { kind: "opening", subject: id });
    return true;
  });
}

/** How many messages wait that could not be opened in the usual way. */
export async function countStuck(store: Store): Promise<number> {
  return countJobs(store, "opening", MAX_OPENINGS);
}
