/**
 * Copies that were accepted and that the next hop has not taken yet. They are kept wrapped under the queue key and tried
 * again at growing distances. After a day they bounce to their sender with the reason and without a word of content.
 */
import { randomUUID } from "node:crypto";

import { after, DAY, MINUTE, type Clock } from "../base/time.ts";
import { takeDue } from "../jobs/jobs.ts";
import { retryDelayMs } from "../jobs/retry-delay.ts";
import { formatAddress, parseAddress, type Domain, type EmailAddress } from "../mail/address.ts";
import type { Envelope } from "../mail/envelope.ts";
import { AccountGone } from "../mailbox/account-gone.ts";
import { bounce, type Failure } from "../notices/bounce.ts";
import type { Relay, RelayResult } from "../smtp/relay/hop.ts";
import { holdAccount } from "../store/accounts/account-locks.ts";
import { holdJob, putOffJob, type HeldJob } from "../store/jobs/jobs.ts";
import { LEASE_MS } from "../store/jobs/leases.ts";
import {
  deleteOutbox,
  holdOutbox,
  insertOutbox,
  readCopy,
  readWaiting,
  updateEnvelope,
  type OutboxRow,
  type WaitingCopy,
} from "../store/mail/outbox.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";
import type { Copy } from "./copy.ts";
import type { Also, CopySender } from "./hand-on.ts";
import type { TraceOutgoing } from "./tracing.ts";

/** A message under the queue key, and the name of the service key that this came from. */
export type Wrapped = Pick<OutboxRow, "wrapped" | "serviceKey">;

export type OutboxDeps = {
  readonly store: Store;
  readonly clock: Clock;
  readonly hostname: Domain;
  readonly relay: Relay;
  readonly trace: TraceOutgoing;
  /** Encrypts and authenticates under the queue key; `id` is bound to the bytes. */
  readonly wrap: (id: string, bytes: Uint8Array) => Promise<Wrapped>;
  readonly unwrap: (id: string, wrapped: Wrapped) => Promise<Uint8Array>;
};

/** Trying ends before the lease does, or another process would send the same once more. */
const TRY_MS = LEASE_MS - MINUTE;
const GIVE_UP_MS = DAY;
/**
 * Minimum number of attempts before a copy that is too old bounces: about as many as there are in a third of that day. A clock
 * that jumped forward, or a server that was off for a day, therefore bounces nothing at the next temporary failure.
 */
const MIN_ATTEMPTS = 12;
/** Maximum number of attempts, some more than fit into a day: a clock that was ahead when a copy was kept never ends its day. */
const MAX_ATTEMPTS = 40;

/**
 * Commits copies for the next round, and what `also` writes.
 * @throws AccountGone when there is no such account any more.
 */
export async function keepForLater(
  deps: Pick<OutboxDeps, "store" | "clock" | "wrap">,
  { account, address: sender }: CopySender,
  messageId: string,
  copies: readonly Copy[],
  also?: Also,
): Promise<void> {
  const at = deps.clock.now();
  await deps.store.transaction(async (tx) => {
    if ((await holdAccount(tx, account)) === undefined) throw new AccountGone();
    for (const copy of copies) {
      await insertOutbox(tx, [await rowFor(deps, { sender, account, messageId, copy, at })]);
    }
    await also?.(tx);
  });
}

/**
 * Tries everything that is due, once, and one copy at a time: each has its own lease, and a large one is in memory alone.
 * To be called when something was kept and every minute. Once `ending` is aborted no further copy is taken.
 * @throws AggregateError after all others were tried, when copies could not be worked on; they stay.
 */
export async function sendDue(deps: OutboxDeps, ending?: AbortSignal): Promise<void> {
  const errors: unknown[] = [];
  while (ending?.aborted !== true) {
    const job = await takeDue(deps, "outbox");
    if (job === undefined) break;
    try {
      await sendOne(deps, job);
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, "waiting copies could not be worked on");
}

async function sendOne(deps: OutboxDeps, job: HeldJob): Promise<void> {
  // Reading counts as well: a try ends before its lease does.
  const signal = AbortSignal.timeout(TRY_MS);
  const row = await readWaiting(deps.store, job.subject);
  // It was erased meanwhile.
  if (row === undefined) return;
  const kept = await readCopy(deps.store, row.id);
  if (kept === undefined) return;
  const envelope = readEnvelope(row.envelope);
  const copy = { envelope, message: await deps.unwrap(row.id, kept) };
  const result = await deps.relay(envelope, copy.message, signal);
  deps.trace.relayed({ messageId: row.messageId, copy, result });
  const now = deps.clock.now();
  const isOld = after(job.createdAt, GIVE_UP_MS) <= now;
  const isTooOld = job.attempts >= (isOld ? MIN_ATTEMPTS : MAX_ATTEMPTS);
  const { failures, left } = sort(result, isTooOld);
  const bounces = await bounceRows(deps, row, envelope, failures, now);
  await deps.store.transaction(async (tx) => {
    // Whoever was erased meanwhile has nothing here any more, and gets no bounce.
    if (!(await holdOutbox(tx, row))) return;
    // Whoever has taken the copy since, because this try outlived its lease, does all of it: none of its recipients is lost.
    if (!(await holdJob(tx, job))) return;
    await insertOutbox(tx, bounces);
    if (left.length === 0) await deleteOutbox(tx, row.id);
    else {
      await updateEnvelope(tx, row.id, writeEnvelope({ ...envelope, recipients: left }));
      const dueAt = after(now, retryDelayMs(job.attempts));
      await putOffJob(tx, job, { attempts: job.attempts + 1, dueAt });
    }
  });
}

function sort(
  result: RelayResult,
  isTooOld: boolean,
): { readonly failures: readonly Failure[]; readonly left: readonly EmailAddress[] } {
  const failures: Failure[] = [];
  const left: EmailAddress[] = [];
  for (const { address, outcome } of result.recipients) {
    if (outcome.kind === "accepted") continue;
    if (outcome.temporary && !isTooOld) left.push(address);
    else {
      const status = outcome.temporary ? "4.4.7" : "5.0.0";
      failures.push({ recipient: address, status, text: outcome.text });
    }
  }
  return { failures, left };
}

/** No bounce of a bounce: what came with the empty return path ends here. */
async function bounceRows(
  deps: OutboxDeps,
  row: WaitingCopy,
  envelope: Envelope,
  failures: readonly Failure[],
  now: Date,
): Promise<readonly OutboxRow[]> {
  if (failures.length === 0 || envelope.from === undefined) return [];
  const { sender, account, messageId } = row;
  const message = bounce({ hostname: deps.hostname, sender, messageId, failures, now });
  const copy = { envelope: { from: undefined, recipients: [envelope.from] }, message };
  return [await rowFor(deps, { sender, account, messageId, copy, at: now })];
}

async function rowFor(
  deps: Pick<OutboxDeps, "wrap">,
  o: {
    readonly sender: EmailAddress;
    readonly account: AccountId;
    readonly messageId: string;
    readonly copy: Copy;
    readonly at: Date;
  },
): Promise<OutboxRow> {
  const id = randomUUID();
  return {
    id,
    sender: o.sender,
    account: o.account,
    messageId: o.messageId,
    envelope: writeEnvelope(o.copy.envelope),
    ...(await deps.wrap(id, o.copy.message)),
    createdAt: o.at,
  };
}

function writeEnvelope(envelope: Envelope): string {
  return JSON.stringify({
    ...envelope,
    from: envelope.from === undefined ? "" : formatAddress(envelope.from),
    recipients: envelope.recipients.map((address) => formatAddress(address)),
  });
}

/** Reads what `writeEnvelope` wrote: our own text, out of our own database. */
function readEnvelope(text: string): Envelope {
  const value = JSON.parse(text) as Omit<Envelope, "from" | "recipients"> & {
    readonly from: string;
    readonly recipients: readonly string[];
  };
  return {
    ...value,
    from: parseAddress(value.from),
    recipients: value.recipients.flatMap((address) => parseAddress(address) ?? []),
  };
}
