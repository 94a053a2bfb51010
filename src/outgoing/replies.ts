/** What the sender's client is told. One place, so that the same state reads the same at RCPT and after DATA. */
import { unreachable } from "../base/unreachable.ts";
import type { Discovery } from "../discovery/outcome.ts";
import { formatAddress, type EmailAddress } from "../mail/address.ts";
import { reply, type Reply } from "../smtp/reply.ts";
import type { Looked, Plan } from "./plan.ts";

/** Why a message must be encrypted. */
export type Demand = "policy" | "wish" | "reply" | "unknown-reply" | "claim";

const REASONS: Readonly<Record<Demand, string>> = {
  policy: "your policy requires encryption",
  wish: "the message asks for encryption with X-Sealpost-Require",
  reply: "it answers a message that came encrypted",
  "unknown-reply":
    "it answers a message that its In-Reply-To or References do not name, which may have come encrypted",
  claim: "it is marked as encrypted by your mail program, but not all of it is",
};

/** RFC 3463 §3.8: X.7.5, a cryptographic failure: a needed key is missing or cannot be known. */
export function refusalReply(
  plan: Extract<Plan, { kind: "refuse" | "later" }>,
  demand: Demand = "policy",
): Reply {
  if (plan.kind === "later") {
    return reply(
      "450",
      "4.7.5",
      `<${formatAddress(plan.because.address)}> encryption status cannot be determined now; retry later`,
    );
  }
  const { discovery } = plan.because;
  const why =
    discovery.kind === "unreachable" ? "nothing is sent in clear because of it" : REASONS[demand];
  return reply("550", "5.7.5", `${absentText(plan.because)}; not sent (${why})`);
}

/**
 * Why a login has no open keys: the password was changed where Sealpost did not see it, or the keys are on the user's own
 * device. Nothing changes by itself.
 */
export type KeysClosed = "password-changed" | "on-device";

/** The answer to whoever has no key to sign with; `page` is where former passwords and recovery codes are asked for. */
export function keysClosedReply(closed: KeysClosed | undefined, page?: string): Reply {
  return reply("554", "5.7.5", `${closedText(closed, page)}; not sent`);
}

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
export function absentText({ address, discovery }: Looked): string {
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

/** What became of the message, for the text of the final `250`. */
export function summaryText(counts: {
  readonly encrypted?: number;
  readonly clear?: number;
  readonly reasons?: readonly string[];
}): string {
  if (counts.encrypted !== undefined) return `${String(counts.encrypted)} encrypted`;
  const [reason, ...others] = counts.reasons ?? [];
  const why = reason === undefined ? "encryption is off" : reason;
  const more = others.length === 0 ? "" : ` and ${String(others.length)} more`;
  return `${String(counts.clear ?? 0)} NOT ENCRYPTED: ${why}${more}`;
}
