/**
 * What looking for an author's certificate came to when his sealed message arrived. A certificate is in the cache; that
 * there is none is kept with the waiting message, so that judging it later asks nobody, and no keyserver learns when mail
 * is read.
 */
import { after, DAY, parseDate } from "../base/time.ts";
import type { Discovery } from "../discovery/outcome.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import type { MessageVerdict } from "../mailbox/mailbox.ts";

/** Never relied on for longer than a cached certificate would be. */
const LIFE_MS = 7 * DAY;
const CODES = ["NOSVC", "INSEC", "NOKEY", "BADKEY"] as const;

/** The proof that a waiting message's author publishes no usable key. */
export function absenceEvidence(
  author: EmailAddress,
  discovery: Extract<Discovery, { kind: "absent" }>,
): MessageVerdict["evidence"] {
  return {
    author: canonicalAddress(author),
    absent: discovery.code,
    askedAt: discovery.evidence.checkedAt.toISOString(),
  };
}

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

/** The kept proof for this author, if it is not too old. */
export function keptAbsence(
  { evidence }: MessageVerdict,
  author: EmailAddress,
  now: Date,
): Discovery | undefined {
  const code = CODES.find((one) => one === evidence["absent"]);
  const checkedAt = parseDate(evidence["askedAt"] ?? "");
  const isHis = evidence["author"] === canonicalAddress(author);
  if (code === undefined || checkedAt === undefined || !isHis) return undefined;
  return after(checkedAt, LIFE_MS) > now
    ? { kind: "absent", code, evidence: { checkedAt } }
    : undefined;
}
