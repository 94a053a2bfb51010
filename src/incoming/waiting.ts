/** What is kept with a message that waits to be judged: since when, and by which keys of its author it may be. */
import { after, DAY, parseDate } from "../base/time.ts";
import type { AuthorAnswer } from "../discovery/author.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import type { MessageVerdict, StoredSummary } from "../mailbox/mailbox.ts";
import { parseFingerprint } from "../openpgp/packets/fingerprint.ts";

/**
 * Since when a message has waited for its author's keyserver, opened and without a final verdict: what its first opening wrote
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

/** The keys that the author's domain served when the message came; undefined where nobody could say. */
export function namedEvidence(
  author: EmailAddress,
  answer: AuthorAnswer,
): MessageVerdict["evidence"] | undefined {
  if (answer.kind === "unreachable") return undefined;
  const named = answer.keys.map(({ certificate }) => certificate.fingerprint).join(" ");
  return { [NAMED_FOR]: canonicalAddress(author), [NAMED]: named };
}

/** Whether the keys of the arrival are known already. */
export function hasNamedEvidence({ evidence }: MessageVerdict): boolean {
  return evidence[NAMED] !== undefined;
}

/** An answer about a message's author, with the keys that were served when it came. */
export function asOfArrival(
  answer: AuthorAnswer,
  author: EmailAddress,
  { evidence }: MessageVerdict,
): AuthorAnswer {
  const named = evidence[NAMED];
  const isAbout = evidence[NAMED_FOR] === canonicalAddress(author);
  if (answer.kind === "unreachable" || named === undefined || !isAbout) return answer;
  return {
    ...answer,
    named: new Set(named.split(" ").flatMap((one) => parseFingerprint(one) ?? [])),
  };
}

/** What a verdict that is to be judged again must not forget. */
export function keptWhileWaiting({ evidence }: MessageVerdict): MessageVerdict["evidence"] {
  return Object.fromEntries(
    [NAMED_FOR, NAMED].flatMap((name) => {
      const value = evidence[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

const NAMED_FOR = "namedFor";
const NAMED = "named";

/**
 * How long a signature is tried to be checked again. It counts from the first opening, not from the arrival: only opening
 * tells which former key of the author signed, and that one is asked for in the hourly batch, never because somebody
 * reads. A reader who logs in once a week would otherwise be told `unknown` of what nobody ever asked about.
 */
const ASK_AGAIN_MS = 3 * DAY;

/** Whether the signature of a message that waits is not checked again. */
export function isGivenUp({ verdict }: Pick<StoredSummary, "verdict">, now: Date): boolean {
  return after(laterSince(verdict, now), ASK_AGAIN_MS) <= now;
}
