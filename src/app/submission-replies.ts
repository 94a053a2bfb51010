/** What an SMTP client is told of its submission. One place, so that the same state reads the same at RCPT and after DATA. */
import { unreachable } from "../base/unreachable.ts";
import type { Discovery } from "../discovery/outcome.ts";
import { formatAddress, type EmailAddress } from "../mail/address.ts";
import type { Looked } from "../outgoing/plan.ts";
import type {
  Demand,
  Fault,
  KeysClosed,
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
        `queued as ${context.queueId} (e2e: ${sentText(submission.sentAs)})`,
      );
    case "refused":
      return FAULTS[submission.fault];
    case "no-key":
      return reply(
        "554",
        "5.7.5",
        `${closedText(submission.closed, context.unlockPage)}; not sent`,
      );
    case "cannot-seal":
      return reply("550", "5.6.0", `${submission.reason}; not sent`);
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
      return reply(
        "452",
        "4.5.3",
        `a message can be encrypted for ${String(answer.max)} recipients at once; send it to the others separately`,
      );
    case "unknown-here":
      return reply("550", "5.1.1", "no such user here");
    case "unprotected":
    case "uncertain":
      return unsendableReply(answer);
    default:
      return unreachable(answer);
  }
}

const FAULTS: Readonly<Record<Fault, Reply>> = {
  "broken-header": reply(
    "550",
    "5.6.0",
    "a line in the header of the message is neither a field nor the continuation of one; not sent",
  ),
  "large-header": reply("552", "5.3.4", "the header of the message is too large; not sent"),
  "no-single-author": reply(
    "550",
    "5.6.0",
    "the message must have exactly one From field with one address",
  ),
  "foreign-author": reply("550", "5.7.1", "the From address is not one of yours; not sent"),
  "foreign-return-path": reply(
    "550",
    "5.7.1",
    "the sender address (MAIL FROM) is not one of yours; not sent",
  ),
  "no-recipients": reply("554", "5.5.1", "no recipients"),
};

const REASONS: Readonly<Record<Demand, string>> = {
  policy: "your policy requires encryption",
  wish: "the message asks for encryption with X-Sealpost-Require",
  reply: "it answers a message that came encrypted",
  "unknown-reply":
    "it answers a message that its In-Reply-To or References do not name, which may have come encrypted",
  claim: "it is marked as encrypted by your mail program, but not all of it is",
};

/** RFC 3463 §3.8: X.7.5, a cryptographic failure: a needed key is missing or cannot be known. */
function unsendableReply(unsendable: Unsendable): Reply {
  const { because } = unsendable;
  if (unsendable.kind === "uncertain") {
    return reply(
      "450",
      "4.7.5",
      `<${formatAddress(because.address)}> encryption status cannot be determined now; retry later`,
    );
  }
  const why =
    because.discovery.kind === "unreachable"
      ? "nothing is sent in clear because of it"
      : REASONS[unsendable.demand];
  return reply("550", "5.7.5", `${absentText(because)}; not sent (${why})`);
}

/** The next hop's own verdict, with our class of code and its words. */
function notTakenReply({ by }: NotTaken): Reply {
  if (by === undefined) return reply("451", "4.4.0", "the next mail server gave no answer");
  const { recipient, outcome } = by;
  const text = `<${formatAddress(recipient)}> ${outcome.text}`;
  if (outcome.temporary) return reply("451", "4.4.0", text);
  // What our own side knows about the hop has a code of its own (RFC 5321 §4.2.3, RFC 6531 §3.5).
  if (outcome.obstacle === "size") return reply("552", "5.3.4", text);
  if (outcome.obstacle === "smtputf8") return reply("553", "5.6.7", text);
  return reply(codeOf(outcome), "5.0.0", text);
}

/** The hop's own code where it is one for a refused message (RFC 5321 §4.2.3); its words decide nothing. */
function codeOf({ code }: { readonly code: number }): (typeof HOP_CODES)[number] {
  return HOP_CODES.find((known) => Number(known) === code) ?? "550";
}

const HOP_CODES = ["550", "551", "552", "553", "554"] as const;

function closedText(closed: KeysClosed | undefined, page: string | undefined): string {
  switch (closed) {
    case "password-changed": {
      const where = page === undefined ? "through your provider" : `at ${page}`;
      return `your keys are locked since your password changed: open them with your former password or recovery code ${where}`;
    }
    case "on-device":
      return "your key is on your own device alone: encrypt and sign the message there";
    case undefined:
      return "your encryption key is not usable in this session; log in with your password or ask your provider";
    default:
      return unreachable(closed);
  }
}

/** Why a recipient cannot be sealed to, in a sentence a person understands. */
function absentText({ address, discovery }: Looked): string {
  return `<${formatAddress(address)}> has ${lackOf(discovery, address)}`;
}

function lackOf(discovery: Discovery, { domain }: EmailAddress): string {
  if (discovery.kind !== "absent") return doubtOf(discovery, domain);
  switch (discovery.code) {
    case "NOSVC":
      return `no published encryption key (${domain} does not offer encryption)`;
    case "INSEC":
      return `no usable encryption key (the DNS of ${domain} is not protected)`;
    case "NOKEY":
      return "no published encryption key";
    case "BADKEY":
      return `a published key that cannot be used (${discovery.reason ?? "not usable"})`;
    default:
      return unreachable(discovery);
  }
}

const DOUBTS: ReadonlyMap<string, string> = new Map([
  ["wrong-user-id", "it does not name this address"],
  ["bad-self-signature", "its self-signature is not valid"],
  ["unparsable", "it cannot be read"],
]);

/** Names who has to do something: it will not pass by itself. */
function doubtOf(discovery: Discovery, domain: string): string {
  const since = discovery.kind === "unreachable" ? discovery.lastingSince : undefined;
  if (discovery.kind !== "unreachable" || since === undefined) {
    return "an encryption status that is not certain";
  }
  const what = DOUBTS.get(discovery.reason) ?? discovery.reason;
  const day = since.toISOString().slice(0, 10);
  return `a published key that cannot be used: ${what} (since ${day}; ${domain} must replace it)`;
}

/** In what form the message left, for the text of the final `250`. */
function sentText(sentAs: SentAs): string {
  switch (sentAs.kind) {
    case "already-protected":
      return "already protected, passed on as it is";
    case "sealed":
      return `${String(sentAs.recipients)} encrypted`;
    case "clear": {
      const [first, ...others] = sentAs.unsupported;
      const why = first === undefined ? "encryption is off" : absentText(first);
      const more = others.length === 0 ? "" : ` and ${String(others.length)} more`;
      return `${String(sentAs.recipients)} NOT ENCRYPTED: ${why}${more}`;
    }
    default:
      return unreachable(sentAs);
  }
}
