/** What is kept with a message that waits to be judged: since when, and by which keys of its author it may be. */
import { after, DAY } from "../base/time.ts";
import type { AuthorAnswer } from "../discovery/author.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import type { MessageVerdict, ServedAtArrival } from "../mailbox/mailbox.ts";
import type { WaitingSummary } from "../spool/spool.ts";

/**
 * Since when a message has waited for its author's keyserver, opened and without a final verdict: what its first opening wrote
 * down. A message that nobody opened yet waits from now on, however long ago it came.
 */
export function laterSince(before: MessageVerdict, now: Date): Date {
  return before.signature === "later" ? (before.laterSince ?? before.checkedAt) : now;
}

/** The keys that the author's domain served when the message came; undefined where nobody could say. */
export function servedKeys(
  author: EmailAddress,
  answer: AuthorAnswer,
): ServedAtArrival | undefined {
  if (answer.kind === "unreachable") return undefined;
  const fingerprints = answer.keys.map(({ certificate }) => certificate.fingerprint);
  return { author: canonicalAddress(author), fingerprints };
}

/** An answer about a message's author, with the keys that were served when it came. */
export function asOfArrival(
  answer: AuthorAnswer,
  author: EmailAddress,
  { served }: MessageVerdict,
): AuthorAnswer {
  if (answer.kind === "unreachable" || served?.author !== canonicalAddress(author)) return answer;
  return { ...answer, named: new Set(served.fingerprints) };
}

/**
 * How long a signature is tried to be checked again. It counts from the first opening, not from the arrival: only opening
 * tells which former key of the author signed, and that one is asked for in the hourly batch, never because somebody
 * reads. A reader who logs in once a week would otherwise be told `unknown` of what nobody ever asked about.
 */
const ASK_AGAIN_MS = 3 * DAY;

/** Whether the signature of a message that waits is not checked again. */
export function isGivenUp({ verdict }: Pick<WaitingSummary, "verdict">, now: Date): boolean {
  return after(laterSince(verdict, now), ASK_AGAIN_MS) <= now;
}
