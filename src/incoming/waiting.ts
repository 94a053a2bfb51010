/** Since when a message waits to be judged; kept with its verdict. */
import { parseDate } from "../base/time.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";

/**
 * Since when a message has waited for its author's keyserver, opened and not judged for good: what its first opening wrote
 * down. A message that nobody opened yet waits from now on, however long ago it came.
 */
export function laterSince(before: MessageVerdict, now: Date): Date {
  if (before.check !== "later" || before.state === "LOCKED_OLD") return now;
  return parseDate(before.evidence[LATER_SINCE] ?? "") ?? before.checkedAt;
}

/** The evidence of a message that goes on waiting. */
export function waitingSince(verdict: MessageVerdict, since: Date): MessageVerdict {
  return { ...verdict, evidence: { ...verdict.evidence, [LATER_SINCE]: since.toISOString() } };
}

const LATER_SINCE = "laterSince";
