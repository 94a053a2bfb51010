/** Why a message was protected or not: each decision with its evidence, for the operator, for thirty days. */
import { after, DAY } from "../base/time.ts";
import { insertTrace, selectTrace, type Direction } from "../store/trace.ts";
import type { Store } from "../store/store.ts";

/** How long a decision is kept. */
export const TRACE_LIFE_MS = 30 * DAY;

/** The evidence of a decision. No subject, no text and no key is ever in it; addresses may be. */
export type TraceDetail = Readonly<Record<string, string | number | boolean>>;

/** One decision about a message. */
export type TraceEntry = {
  readonly messageId: string;
  readonly at: Date;
  readonly direction: Direction;
  readonly step: string;
  readonly detail: TraceDetail;
};

const MAX_VALUE_LENGTH = 1000;

/** Writes a decision down; texts from elsewhere are cut at a thousand characters. */
export async function recordTrace(store: Store, entry: TraceEntry): Promise<void> {
  await insertTrace(store, {
    messageId: normalId(entry.messageId),
    at: entry.at,
    direction: entry.direction,
    step: entry.step,
    detail: JSON.stringify(entry.detail, (_name, value: unknown) =>
      typeof value === "string" ? value.slice(0, MAX_VALUE_LENGTH) : value,
    ),
    expiresAt: after(entry.at, TRACE_LIFE_MS),
  });
}

/** What was decided about a message, in that order; its ID with or without angle brackets. */
export async function readTrace(store: Store, messageId: string): Promise<readonly TraceEntry[]> {
  const rows = await selectTrace(store, normalId(messageId));
  return rows.map(({ at, direction, step, detail }) => ({
    messageId: normalId(messageId),
    at,
    direction,
    step,
    detail: JSON.parse(detail) as TraceDetail,
  }));
}

export { purgeTrace } from "../store/trace.ts";

function normalId(messageId: string): string {
  return messageId.trim().replace(/^<|>$/g, "").slice(0, MAX_VALUE_LENGTH);
}
