/** How a turn of a deferred message ends. Each ending is one transaction, which does nothing once the lease is another's. */
import { after } from "../../base/time.ts";
import { isOver, retryDelayMs } from "../../jobs/retry-delay.ts";
import { text } from "../../locales/locales.ts";
import { formatAddress, sameAddress, type EmailAddress } from "../../mail/address.ts";
import type { SentHow } from "../../mailbox/summary.ts";
import type { Failure } from "../../notices/bounce.ts";
import { holdJob, putOffJob, type HeldJob } from "../../store/jobs/jobs.ts";
import {
  deleteDeferred,
  holdDeferred,
  updateDeferred,
  type DeferredEntry,
} from "../../store/mail/deferred.ts";
import { insertOutbox, type OutboxRow } from "../../store/mail/outbox.ts";
import type { Store } from "../../store/store.ts";
import { toKeep, type Copy } from "../copy.ts";
import { readEnvelope } from "../kept-envelope.ts";
import { lackText } from "../lack.ts";
import { noticeRows, rowFor } from "../outbox.ts";
import type { Looked } from "../plan.ts";
import type { Keeping } from "./deferral.ts";
import { newsFor, type Telling } from "./news.ts";
import type { Order } from "./order.ts";

/** How long a message waits before its sender is told, and before it bounces; in milliseconds. */
export type Limits = { readonly noticeMs: number; readonly bounceMs: number };

type Deps = Keeping & Telling & { readonly limits: Limits; readonly sendSoon: () => void };

/** A message whose turn it is, as it was read. */
export type Held = { readonly job: HeldJob; readonly row: DeferredEntry; readonly order: Order };

/** Gives copies to the outbox: the message waits no longer. */
export async function sendCopies(
  deps: Deps,
  held: Held,
  copies: readonly Copy[],
  left: { readonly how: SentHow; readonly looked: readonly Looked[] },
): Promise<void> {
  const tell = await newsFor(deps, held, left);
  const { sender, account, messageId } = held.row;
  const at = deps.clock.now();
  const rows: OutboxRow[] = [];
  for (const copy of copies) {
    rows.push(await rowFor(deps, { sender, account, messageId, copy: toKeep(copy), at }));
  }
  await leave(deps, held, rows, tell);
}

/** Why a message cannot leave any more, whoever it is for. */
type Lost = "key-ended" | "not-enabled" | "account-changed";

const LOST: Readonly<Record<Lost, Omit<Failure, "recipient">>> = {
  "key-ended": { status: "5.7.5", reason: (language) => text("deferral.key-ended", language) },
  "not-enabled": { status: "5.7.5", reason: (language) => text("deferral.not-enabled", language) },
  "account-changed": {
    status: "5.7.1",
    reason: (language) => text("deferral.account-changed", language),
  },
};

/** Ends a message that can no longer leave, whoever it is for. Its sender gets a bounce that names all recipients. */
export async function bounceLost(deps: Deps, held: Held, why: Lost): Promise<void> {
  await bounceAll(deps, held, (recipient) => ({ recipient, ...LOST[why] }));
}

/**
 * Ends a message because of one recipient, without sending it to anybody. Its sender gets a bounce that names all of them.
 * `looked`: what is known of a recipient that says why, where there is such a thing.
 */
export async function bounceBecause(
  deps: Deps,
  held: Held,
  because: Failure,
  looked: readonly Looked[],
): Promise<void> {
  const { recipient: blamed, status } = because;
  const address = formatAddress(blamed);
  const reason: Failure["reason"] = (language) =>
    text("deferral.all-or-none", { address }, language);
  const failureOf = (recipient: EmailAddress): Failure => {
    return sameAddress(blamed, recipient) ? because : { recipient, status, reason };
  };
  await bounceAll(deps, held, failureOf, looked);
}

async function bounceAll(
  deps: Deps,
  held: Held,
  failureOf: (recipient: EmailAddress) => Failure,
  looked: readonly Looked[] = [],
): Promise<void> {
  const { row, order } = held;
  const { from: to, recipients } = order.envelope;
  const failures = recipients.map(failureOf);
  const rows = await noticeRows(deps, row, { to, failures, now: deps.clock.now() });
  const tell = await newsFor(deps, held, { how: "not-sent", looked });
  await leave(deps, held, rows, tell);
}

/** Puts a message off once more. It bounces when it has waited too long; before that its sender is told once that it waits. */
export async function waitOn(deps: Deps, held: Held, because: Looked): Promise<void> {
  const { job, row, order } = held;
  const { clock, limits } = deps;
  const now = clock.now();
  const reason: Failure["reason"] = (language) => lackText(because, language);
  const failure = { recipient: because.address, status: "4.4.7", reason };
  if (isOver(job, limits.bounceMs, now)) {
    return bounceBecause(deps, held, failure, [because]);
  }
  const isToBeTold = row.noticedAt === undefined && isOver(job, limits.noticeMs, now);
  const until = after(job.createdAt, limits.bounceMs);
  const { from: to } = order.envelope;
  const rows = isToBeTold
    ? await noticeRows(deps, row, { to, failures: [failure], now, until })
    : [];
  const next = {
    attempts: job.attempts + 1,
    dueAt: after(now, retryDelayMs(job.attempts + 1)),
    reason: because.discovery.code,
  };
  await end(deps, held, async (tx) => {
    await insertOutbox(tx, rows);
    const noticedAt = isToBeTold ? now : undefined;
    await updateDeferred(tx, row.id, { because: because.address, noticedAt });
    await putOffJob(tx, job, next);
  });
}

/**
 * Puts a message off that could not be worked on: it counts as a try. When it has waited too long its sender gets a bounce,
 * by what the row says in clear, because nothing else may be readable.
 */
export async function endTrouble(deps: Deps, held: Pick<Held, "job" | "row">): Promise<void> {
  const { job, row } = held;
  const { clock, limits, store } = deps;
  const now = clock.now();
  if (!isOver(job, limits.bounceMs, now)) {
    const attempts = job.attempts + 1;
    await putOffJob(store, job, { attempts, dueAt: after(now, retryDelayMs(attempts)) });
    return;
  }
  const reason: Failure["reason"] = (language) => text("deferral.broken", language);
  const failures = readEnvelope(row.envelope).recipients.map((recipient) => {
    return { recipient, status: "5.3.0", reason };
  });
  await leave(deps, held, await noticeRows(deps, row, { to: row.sender, failures, now }));
}

/** Ends the waiting: what the outbox sends now takes the place of the message. */
async function leave(
  deps: Deps,
  held: Pick<Held, "job" | "row">,
  rows: readonly OutboxRow[],
  tell?: (tx: Store) => Promise<void>,
): Promise<void> {
  await end(deps, held, async (tx) => {
    await insertOutbox(tx, rows);
    await deleteDeferred(tx, held.row.id);
    await tell?.(tx);
  });
}

async function end(
  deps: Deps,
  { job, row }: Pick<Held, "job" | "row">,
  write: (tx: Store) => Promise<void>,
): Promise<void> {
  const isDone = await deps.store.transaction(async (tx) => {
    // Whoever was erased meanwhile has nothing here any more, and gets no notice.
    if (!(await holdDeferred(tx, row))) return false;
    // Whoever has taken the message since, because this turn outlived its lease, does all of it.
    if (!(await holdJob(tx, job))) return false;
    await write(tx);
    return true;
  });
  if (isDone) deps.sendSoon();
}
