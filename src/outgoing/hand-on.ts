/**
 * Handing copies to the next hop. The first copy's answer is the client's answer; once it was taken, what is left is
 * committed to the outbox before `250` is said and tried again until it is taken or bounces, so that one message never
 * ends half sent because the second hand-over failed (never lost, at most one duplicate per crash).
 */
import { randomUUID } from "node:crypto";
import { formatAddress, type EmailAddress } from "../mail/address.ts";
import { reply, type Reply } from "../smtp/reply.ts";
import type { Relay, RelayResult } from "../smtp/hop.ts";
import type { AccountId } from "../words/account.ts";
import type { Copy } from "./copies.ts";
import type { TraceOutgoing } from "./tracing.ts";

/** The account that a copy belongs to, and the address that its bounce goes to. */
export type CopySender = { readonly account: AccountId; readonly address: EmailAddress };

export type HandOnRequest = {
  readonly sender: CopySender;
  readonly messageId: string;
  readonly copies: readonly Copy[];
  /** What the reply says was done: `2 encrypted`. */
  readonly summary: string;
  /** The name of the transaction, which stands in the reply. */
  readonly queueId?: string | undefined;
};
export type HandOn = (request: HandOnRequest) => Promise<Reply>;

/** Commits copies for later; wakes whoever sends them. */
export type KeepForLater = (
  sender: CopySender,
  messageId: string,
  copies: readonly Copy[],
) => Promise<void>;

type Deps = {
  readonly relay: Relay;
  readonly keep: KeepForLater;
  readonly trace: TraceOutgoing;
};

export function handOnWith(deps: Deps): HandOn {
  return async ({ sender, messageId, copies, summary, queueId = randomUUID().slice(0, 8) }) => {
    const [first, ...rest] = copies;
    if (first === undefined) return reply("554", "5.5.1", "no recipients");
    const result = await deps.relay(first.envelope, first.message);
    await deps.trace.relayed({ messageId, copy: first, result });
    if (!isTaken(result)) return refusalOf(result);

    const left = [...unfinished(first, result), ...rest];
    if (left.length > 0) await deps.keep(sender, messageId, left);
    return reply("250", "2.0.0", `queued as ${queueId} (e2e: ${summary})`);
  };
}

/** True when at least one recipient's copy is with the next hop, so that refusing now would send it twice. */
function isTaken(result: RelayResult): boolean {
  return result.recipients.some(({ outcome }) => outcome.kind === "accepted");
}

/** The recipients whom a hop did not take yet, as a copy for the outbox; also those it refused: they get a bounce. */
function unfinished(copy: Copy, result: RelayResult): readonly Copy[] {
  const left = result.recipients
    .filter(({ outcome }) => outcome.kind !== "accepted")
    .map(({ address }) => address);
  return left.length === 0 ? [] : [{ ...copy, envelope: { ...copy.envelope, recipients: left } }];
}

/** The next hop's own verdict, first permanent one first, with our class of code and its words. */
function refusalOf(result: RelayResult): Reply {
  const failures = result.recipients.flatMap(({ address, outcome }) =>
    outcome.kind === "refused" ? [{ address, outcome }] : [],
  );
  const worst = failures.find(({ outcome }) => !outcome.temporary) ?? failures[0];
  if (worst === undefined) return reply("451", "4.4.0", "the next mail server gave no answer");
  const text = `<${formatAddress(worst.address)}> ${worst.outcome.text}`;
  if (worst.outcome.temporary) return reply("451", "4.4.0", text);
  // What our own side knows about the hop has a code of its own (RFC 5321 §4.2.3, RFC 6531 §3.5).
  if (worst.outcome.obstacle === "size") return reply("552", "5.3.4", text);
  if (worst.outcome.obstacle === "smtputf8") return reply("553", "5.6.7", text);
  return reply(codeOf(worst.outcome), "5.0.0", text);
}

/** The hop's own code where it is one for a refused message (RFC 5321 §4.2.3); its words decide nothing. */
function codeOf({ code }: { readonly code: number }): "550" | "551" | "552" | "553" | "554" {
  return HOP_CODES.find((known) => Number(known) === code) ?? "550";
}

const HOP_CODES = ["550", "551", "552", "553", "554"] as const;
