/** Deferred mail as operators and users see it, and what they may do about it. */
import { appendAudit } from "../../journal/journal.ts";
import { text } from "../../locales/locales.ts";
import type { EmailAddress } from "../../mail/address.ts";
import type { Failure } from "../../notices/bounce.ts";
import { makeDue } from "../../store/jobs/jobs.ts";
import {
  deferredNamed,
  deleteDeferred,
  holdDeferred,
  listDeferred,
  readDeferred,
  type DeferredEntry,
  type DeferredPlace,
} from "../../store/mail/deferred.ts";
import { insertOutbox } from "../../store/mail/outbox.ts";
import type { Store } from "../../store/store.ts";
import { readEnvelope } from "../kept-envelope.ts";
import { noticeRows } from "../outbox.ts";
import type { Keeping } from "./deferral.ts";
import { newsFor, type Telling } from "./news.ts";
import { orderFrom, PART, type Order } from "./order.ts";
import { readPart } from "./parts.ts";

/** A message that waits. `because`: the recipient whose state (`reason`) is not certain. */
export type DeferredMessage = Omit<DeferredEntry, "envelope"> & {
  readonly recipients: readonly EmailAddress[];
};

/** How many rows are read at a time. */
const PAGE_SIZE = 200;

/** Everything that waits, the oldest first. */
export async function* listWaiting(store: Store): AsyncGenerator<DeferredMessage> {
  let after: DeferredPlace | undefined;
  for (;;) {
    const page = await listDeferred(store, { after, limit: PAGE_SIZE });
    yield* page.map(messageOf);
    if (page.length < PAGE_SIZE) return;
    after = page.at(-1);
  }
}

/** What waits under its ID, or under a Message-ID with or without its angle brackets. */
export async function findWaiting(
  store: Store,
  names: readonly string[],
): Promise<readonly DeferredMessage[]> {
  for (const name of names) {
    const entry = await readDeferred(store, name);
    const messageId = name.startsWith("<") ? name : `<${name}>`;
    const found = entry === undefined ? await deferredNamed(store, messageId) : [entry];
    if (found.length > 0) return found.map(messageOf);
  }
  return [];
}

/** Makes a message due now. `tried-now`: a process is at it already. */
export async function retryNow(
  { store, clock }: Pick<Keeping, "store" | "clock">,
  { id }: Pick<DeferredMessage, "id">,
): Promise<{ readonly kind: "due" | "tried-now" | "not-deferred" }> {
  const name = { kind: "deferred", subject: id } as const;
  if (await makeDue(store, name, clock.now())) return { kind: "due" };
  return { kind: (await readDeferred(store, id)) === undefined ? "not-deferred" : "tried-now" };
}

/**
 * Ends the waiting of a message, with an audit entry. It is not sent, and its sender gets a bounce. One that a process is
 * about to send is sent or cancelled, never both.
 */
export async function cancel(
  deps: Keeping & Telling,
  message: DeferredMessage,
  by: "operator",
): Promise<{ readonly kind: "cancelled" | "not-deferred" }> {
  const { store, clock } = deps;
  const { id, account, sender, recipients } = message;
  const now = clock.now();
  const order = await orderOf(deps, id);
  const reason: Failure["reason"] = (language) => text("deferral.cancelled", language);
  const failures = recipients.map((recipient) => ({ recipient, status: "5.7.0", reason }));
  // Where nothing can be read any more, the sender is who the row says.
  const to = order === undefined ? sender : order.envelope.from;
  const rows = await noticeRows(deps, message, { to, failures, now });
  const gone = { how: "not-sent", looked: [] } as const;
  const tell = order && (await newsFor(deps, { row: message, order }, gone));
  return store.transaction(async (tx) => {
    if (!(await holdDeferred(tx, message))) return { kind: "not-deferred" };
    await deleteDeferred(tx, id);
    await insertOutbox(tx, rows);
    await tell?.(tx);
    const detail = { deferred: id, by };
    await appendAudit(tx, { at: now, action: "mail.cancelled", account, detail });
    return { kind: "cancelled" };
  });
}

/** What was decided; undefined when it cannot be read any more. */
async function orderOf(deps: Keeping, id: string): Promise<Order | undefined> {
  try {
    return orderFrom(await readPart(deps, PART.order(id)));
  } catch {
    return undefined;
  }
}

function messageOf({ envelope, ...entry }: DeferredEntry): DeferredMessage {
  return { ...entry, recipients: readEnvelope(envelope).recipients };
}
