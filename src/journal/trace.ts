/** Why a message was protected or not: each decision with its evidence, for the operator, for thirty days. */
import { after, DAY } from "../base/time.ts";
import { plainMessageId } from "../mail/message-id.ts";
import {
  insertTraces,
  selectTrace,
  selectTransaction,
  type Direction,
  type TraceRow,
} from "../store/journal/trace.ts";
import type { Store } from "../store/store.ts";

/** How long a decision is kept. */
const TRACE_LIFE_MS = 30 * DAY;

/** The evidence of a decision. No subject, no text and no key is ever in it; addresses may be. */
export type TraceDetail = Readonly<Record<string, string | number | boolean>>;

/** One decision about a message. */
export type TraceEntry = {
  readonly messageId: string;
  readonly at: Date;
  readonly direction: Direction;
  readonly step: string;
  readonly detail: TraceDetail;
  /** The name of the SMTP transaction, where the decision is its answer. */
  readonly transaction?: string | undefined;
};

const MAX_VALUE_LENGTH = 1000;

/** Writes one decision down, in the transaction of `store` if it is one. */
export async function recordTrace(store: Store, entry: TraceEntry): Promise<void> {
  await recordTraces(store, [entry]);
}

/** Writes decisions down, all or none; texts from elsewhere are cut at a thousand characters. */
export async function recordTraces(store: Store, entries: readonly TraceEntry[]): Promise<void> {
  await insertTraces(store, entries.map(toRow));
}

function toRow({ messageId, at, direction, step, detail, transaction }: TraceEntry): TraceRow {
  return {
    messageId: plainMessageId(messageId),
    at,
    direction,
    step,
    detail: JSON.stringify(detail, (_name, value: unknown) =>
      typeof value === "string" ? value.slice(0, MAX_VALUE_LENGTH) : value,
    ),
    expiresAt: after(at, TRACE_LIFE_MS),
    transaction,
  };
}

/** What was decided about a message, in that order; its ID with or without angle brackets. */
export async function readTrace(store: Store, messageId: string): Promise<readonly TraceEntry[]> {
  return (await selectTrace(store, plainMessageId(messageId))).map(fromRow);
}

/**
 * What was decided about the message of a transaction, by the name that stands in its reply and in the log: all about the
 * message where it has an ID, else the answer alone.
 */
export async function readTransaction(
  store: Store,
  transaction: string,
): Promise<readonly TraceEntry[]> {
  const row = await selectTransaction(store, transaction);
  if (row === undefined) return [];
  return row.messageId === "" ? [fromRow(row)] : readTrace(store, row.messageId);
}

/** What is recorded under the first of these names that is known: a transaction's name, or a Message-ID. */
export async function findTrace(
  store: Store,
  names: readonly string[],
): Promise<readonly TraceEntry[]> {
  for (const name of names) {
    const named = await readTransaction(store, name.toLowerCase());
    const entries = named.length > 0 ? named : await readTrace(store, name);
    if (entries.length > 0) return entries;
  }
  return [];
}

function fromRow({ messageId, at, direction, step, detail, transaction }: TraceRow): TraceEntry {
  return { messageId, at, direction, step, detail: JSON.parse(detail) as TraceDetail, transaction };
}
