/**
 * Copies that were accepted and that the next hop has not taken yet. They are kept wrapped under the queue key and tried
 * again at growing distances. After a day they bounce to their sender with the reason and without a word of content.
 */
import { randomUUID } from "node:crypto";

import { after, DAY, type Clock } from "../base/time.ts";
import { TRY_MS, workDue } from "../jobs/jobs.ts";
import { isOver, retryDelayMs } from "../jobs/retry-delay.ts";
import { text } from "../locales/locales.ts";
import type { Domain, EmailAddress } from "../mail/address.ts";
import type { Envelope } from "../mail/envelope.ts";
import { AccountGone } from "../mailbox/account-gone.ts";
import { bounce, delayNotice, type Failure } from "../notices/bounce.ts";
import type { Outcome, Relay, RelayResult } from "../smtp/relay/hop.ts";
import { holdAccount } from "../store/accounts/account-locks.ts";
import { readAddress } from "../store/accounts/addresses.ts";
import { readStanding, type Standing } from "../store/accounts/standing.ts";
import { holdJob, putOffJob, type HeldJob } from "../store/jobs/jobs.ts";
import {
  deleteOutbox,
  holdOutbox,
  insertOutbox,
  readCopy,
  readWaiting,
  updateEnvelope,
  type OutboxRow,
} from "../store/mail/outbox.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";
import type { Language } from "../words/language.ts";
import { toKeep, type CopyToKeep } from "./copy.ts";
import type { Also, CopySender } from "./hand-on.ts";
import { readEnvelope, writeEnvelope } from "./kept-envelope.ts";
import { isOwnReturnPath } from "./own-address.ts";
import type { TraceOutgoing } from "./tracing.ts";

/** A message under the queue key, and the name of the service key that this came from. */
export type Wrapped = Pick<OutboxRow, "wrapped" | "serviceKey">;

export type OutboxDeps = {
  readonly store: Store;
  readonly clock: Clock;
  readonly hostname: Domain;
  readonly relay: Relay;
  readonly trace: TraceOutgoing;
  /** The installation's language, for users who have none of their own. */
  readonly language: () => Language;
  /** Encrypts and authenticates under the queue key; `id` is bound to the bytes. */
  readonly wrap: (id: string, bytes: Uint8Array) => Promise<Wrapped>;
  readonly unwrap: (id: string, wrapped: Wrapped) => Promise<Uint8Array>;
};

/** How long the next hop may refuse a copy for now before it bounces. */
const GIVE_UP_MS = DAY;

/**
 * Commits copies for the next round, and what `also` writes. A copy that waits already stays as it is.
 * @throws AccountGone when there is no such account any more.
 */
export async function keepForLater(
  deps: Pick<OutboxDeps, "store" | "clock" | "wrap">,
  { account, address: sender }: CopySender,
  messageId: string,
  copies: readonly CopyToKeep[],
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
 * Hands on everything that is due, once; a copy may wait. To be called when something was kept and every minute. Once
 * `ending` is aborted no further copy is taken.
 * @throws AggregateError after all others were tried, when copies could not be worked on; they stay.
 */
export async function sendDue(deps: OutboxDeps, ending?: AbortSignal): Promise<void> {
  await workDue(deps, "outbox", async (job) => sendOne(deps, job), { ending });
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
  const result = await deps.relay(envelope, copy.message, { signal });
  deps.trace.relayed({ messageId: row.messageId, copy, result });
  const now = deps.clock.now();
  const { failures, left } = sort(result, isOver(job, GIVE_UP_MS, now));
  const bounces = await noticeRows(deps, row, { to: envelope.from, failures, now });
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
      failures.push({ recipient: address, status, reason: reasonOf(outcome) });
    }
  }
  return { failures, left };
}

/** The next hop's own words in whatever language, or ours. */
function reasonOf({
  obstacle,
  text: said,
}: Extract<Outcome, { kind: "refused" }>): Failure["reason"] {
  return (language) => (obstacle === undefined ? said : text(`hop.${obstacle}`, language));
}

/**
 * A notice about a message in its sender's language, to the return path that it came with: a bounce, or where it waits `until`
 * then, that it does. The empty return path gets none: no bounce of a bounce.
 */
export async function noticeRows(
  deps: Pick<OutboxDeps, "store" | "hostname" | "wrap" | "language">,
  { sender, account, messageId }: Pick<OutboxRow, "sender" | "account" | "messageId">,
  {
    to,
    failures,
    now,
    until,
  }: {
    readonly to: Envelope["from"];
    readonly failures: readonly Failure[];
    readonly now: Date;
    readonly until?: Date;
  },
): Promise<readonly OutboxRow[]> {
  if (to === undefined || failures.length === 0) return [];
  const { store, hostname } = deps;
  const standing = await readStanding(store, account);
  const language = standing?.account.language ?? deps.language();
  const report = { hostname, sender, language, messageId, failures, now };
  const message = until === undefined ? bounce(report) : delayNotice({ ...report, until });
  const path = standing === undefined ? to : await pathNow(store, standing, to);
  const copy = toKeep({ envelope: { from: undefined, recipients: [path] }, message });
  return [await rowFor(deps, { sender, account, messageId, copy, at: now })];
}

/** The return path while it is the sender's own. What they gave away may be somebody else's now: then their primary address. */
async function pathNow(
  store: Store,
  { addresses }: Standing,
  path: EmailAddress,
): Promise<EmailAddress> {
  const own = addresses.map(({ address }) => address);
  const [primary = path] = own;
  const isAddress = async (address: EmailAddress): Promise<boolean> =>
    (await readAddress(store, address)) !== undefined;
  return (await isOwnReturnPath({ isAddress }, own, path)) ? path : primary;
}

/**
 * Commits a notice to the owner of an account for the next round. `write` is given its Message-ID, with angle brackets.
 * @throws AccountGone when there is no such account any more.
 */
export async function keepNotice(
  deps: Pick<OutboxDeps, "store" | "clock" | "hostname" | "wrap">,
  owner: CopySender,
  write: (messageId: string) => Uint8Array,
): Promise<void> {
  const messageId = `<${randomUUID()}@${deps.hostname}>`;
  const envelope = { from: undefined, recipients: [owner.address] };
  const copy = toKeep({ envelope, message: write(messageId) });
  await keepForLater(deps, owner, messageId, [copy]);
}

/** A copy as a row of the outbox, wrapped under the queue key. */
export async function rowFor(
  deps: Pick<OutboxDeps, "wrap">,
  o: {
    readonly sender: EmailAddress;
    readonly account: AccountId;
    readonly messageId: string;
    readonly copy: CopyToKeep;
    readonly at: Date;
  },
): Promise<OutboxRow> {
  const { id } = o.copy;
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
