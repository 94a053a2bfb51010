/**
 * What an SMTP client is told of its submission, in English, as all replies are. One place, so that the same state reads the same
 * at RCPT and after DATA.
 */
import { unreachable } from "../base/unreachable.ts";
import { text } from "../locales/locales.ts";
import { formatAddress } from "../mail/address.ts";
import { conflictText, lackText, unsentText } from "../outgoing/lack.ts";
import type { Looked } from "../outgoing/plan.ts";
import type {
  Fault,
  KeysClosed,
  NoSentCopy,
  NotEnabled,
  NotTaken,
  RecipientAnswer,
  SentAs,
  Submission,
  Unsendable,
} from "../outgoing/submission.ts";
import { reply, type Reply } from "../smtp/smtp.ts";

/** What the words of a reply depend on besides the submission. */
export type ReplyContext = {
  /** The name of the transaction. */
  readonly queueId: string;
  /** Where former passwords and recovery codes are asked for. */
  readonly unlockPage?: string | undefined;
};

/** The answer to DATA. */
export function submissionReply(submission: Submission, context: ReplyContext): Reply {
  switch (submission.kind) {
    case "accepted":
      return reply(
        "250",
        "2.0.0",
        text("submission.accepted", {
          queueId: context.queueId,
          how: sentText(submission.sentAs),
        }) + noCopyText(submission.noCopy),
      );
    case "refused":
      return FAULTS[submission.fault]();
    case "no-key":
      return reply("554", "5.7.5", notSent(closedText(submission.closed, context.unlockPage)));
    case "cannot-seal":
      return reply("550", "5.6.0", notSent(submission.reason));
    case "conflict":
      return reply("550", "5.7.5", conflictText(submission, "en"));
    case "not-enabled":
      return notEnabledReply(submission);
    case "not-taken":
      return notTakenReply(submission);
    case "unprotected":
    case "uncertain":
      return unsendableReply(submission);
    default:
      return unreachable(submission);
  }
}

/** The answer to RCPT TO. */
export function recipientReply(answer: RecipientAnswer): Reply | "ok" {
  switch (answer.kind) {
    case "accepted":
      return "ok";
    case "too-many":
      // The client sends the message once more for the others (RFC 5321 §4.5.3.1.10).
      return reply("452", "4.5.3", text("submission.too-many", { max: answer.max }));
    case "unknown-here":
      return reply("550", "5.1.1", text("submission.unknown-here"));
    case "not-enabled":
      return notEnabledReply(answer);
    case "unprotected":
    case "uncertain":
      return unsendableReply(answer);
    default:
      return unreachable(answer);
  }
}

const FAULTS: Readonly<Record<Fault, () => Reply>> = {
  "broken-header": () => reply("550", "5.6.0", text("submission.fault.broken-header")),
  "large-header": () => reply("552", "5.3.4", text("submission.fault.large-header")),
  "no-single-author": () => reply("550", "5.6.0", text("submission.fault.no-single-author")),
  "foreign-author": () => reply("550", "5.7.1", text("submission.fault.foreign-author")),
  "foreign-return-path": () => reply("550", "5.7.1", text("submission.fault.foreign-return-path")),
  "no-recipients": () => reply("554", "5.5.1", text("submission.fault.no-recipients")),
};

function notSent(why: string): string {
  return text("submission.not-sent", { why });
}

/** RFC 3463 §3.8: X.7.5, a cryptographic failure: a needed key is missing or cannot be known. */
function unsendableReply(unsendable: Unsendable): Reply {
  if (unsendable.kind === "unprotected") return reply("550", "5.7.5", unsentText(unsendable, "en"));
  const address = formatAddress(unsendable.because.address);
  return reply("450", "4.7.5", text("submission.uncertain", { address }));
}

function notEnabledReply({ demand }: NotEnabled): Reply {
  const why = text(`submission.demand.${demand}`, "en");
  return reply("550", "5.7.5", text("submission.not-enabled", { why }));
}

/** The next hop's own verdict, with our class of code and its words. */
function notTakenReply({ by }: NotTaken): Reply {
  if (by === undefined) return reply("451", "4.4.0", text("submission.no-answer"));
  const { recipient, outcome } = by;
  const said = `<${formatAddress(recipient)}> ${outcome.text}`;
  if (outcome.temporary) return reply("451", "4.4.0", said);
  // What our own side knows about the hop has a code of its own (RFC 5321 §4.2.3, RFC 6531 §3.5).
  if (outcome.obstacle === "size") return reply("552", "5.3.4", said);
  if (outcome.obstacle === "smtputf8") return reply("553", "5.6.7", said);
  return reply(codeOf(outcome), "5.0.0", said);
}

/** The hop's own code where it is one for a refused message (RFC 5321 §4.2.3); its words decide nothing. */
function codeOf({ code }: { readonly code: number }): (typeof HOP_CODES)[number] {
  return HOP_CODES.find((known) => Number(known) === code) ?? "550";
}

const HOP_CODES = ["550", "551", "552", "553", "554"] as const;

function closedText(closed: KeysClosed | undefined, page: string | undefined): string {
  switch (closed) {
    case "password-changed":
      return page === undefined
        ? text("submission.closed.password-changed")
        : text("submission.closed.password-changed-page", { page });
    case "on-device":
      return text("submission.closed.on-device");
    case undefined:
      return text("submission.closed.unusable");
    default:
      return unreachable(closed);
  }
}

/** That the sender's mailbox has no copy, and why. */
function noCopyText(because: NoSentCopy | undefined): string {
  return because === undefined ? "" : text(`submission.no-copy.${because}`);
}

/** In what form the message left, for the text of the final `250`. */
function sentText(sentAs: SentAs): string {
  switch (sentAs.kind) {
    case "already-protected":
      return text("submission.sent.already-protected");
    case "deferred":
      return text("submission.sent.deferred", { lack: lackText(sentAs.because, "en") });
    case "sealed":
      return text("submission.sent.sealed", { count: sentAs.recipients });
    case "clear":
      return clearText(sentAs.recipients, sentAs.unsupported);
    case "split": {
      const { sealed: count, clear, unsupported } = sentAs;
      const others = clearText(clear, unsupported);
      return text("submission.sent.split", { count, others });
    }
    default:
      return unreachable(sentAs);
  }
}

function clearText(count: number, unsupported: readonly Looked[]): string {
  const [first, ...others] = unsupported;
  const why = first === undefined ? text("submission.sent.off") : lackText(first, "en");
  return others.length === 0
    ? text("submission.sent.clear", { count, why })
    : text("submission.sent.clear-and-more", { count, why, more: others.length });
}
