/**
 * Mail going out: to one configured next hop for each domain, by SMTP or LMTP, with the bytes exactly as given.
 *
 *     hand-over.ts     one message for one hop, in a new session or one that waits (`idle-sessions.ts`)
 *     session.ts       greeting, EHLO, STARTTLS, AUTH (`log-in.ts`) and XCLIENT, before the first transaction
 *     forward.ts       what a hop is told of the client that submitted a message
 *     transaction.ts   envelope and data; `obstacle.ts` says before them why a hop cannot take the message as it is
 *     client.ts        the lines on the wire
 *
 * Nothing here is thrown at the caller: each recipient has an outcome, and trouble is a refusal that may be tried again.
 */
import { MINUTE, SECOND } from "../../base/time.ts";
import type { Domain, EmailAddress } from "../../mail/address.ts";
import type { Envelope } from "../../mail/envelope.ts";
import { checkLineEndsInSlices } from "../../mail/mail.ts";
import { handOver } from "./hand-over.ts";
import {
  type Hop,
  nameOf,
  type Outcome,
  type RelayResult,
  type Relay,
  type RelayTimeouts,
} from "./hop.ts";
import { IdleSessions } from "./idle-sessions.ts";

export type RelayDeps = {
  readonly hopFor: (domain: Domain) => Hop;
  /** The name we give in EHLO. */
  readonly hostname: string;
  readonly timeouts?: Partial<RelayTimeouts>;
  /** Where sessions wait for the next message; none waits by default. */
  readonly idle?: IdleSessions;
  /** Told of what kept a hop from answering; for the log. */
  readonly failed?: (hop: Hop, error: unknown) => void;
};

/** Shorter than RFC 5321 §4.5.3.2 allows a queue: here a client waits for our own reply. */
const DEFAULT_TIMEOUTS: RelayTimeouts = {
  connectMs: 30 * SECOND,
  replyMs: MINUTE,
  finalReplyMs: 5 * MINUTE,
};

/** The relay over the configured hops. */
export function relayWith(deps: RelayDeps): Relay {
  const timeouts = { ...DEFAULT_TIMEOUTS, ...deps.timeouts };
  const idle = deps.idle ?? new IdleSessions(() => ({ idleMs: 0 }));
  const context = { ...deps, timeouts, idle };
  return async (envelope, message, { signal, submitter } = {}) => {
    // Whoever takes a bare CR or LF for a line end could be made to read two messages (RFC 5321 §2.3.8).
    if ((await checkLineEndsInSlices(message)) !== "ok")
      return refuseAll(envelope, UNSAFE_LINE_ENDS);
    const groups = Object.values(
      Object.groupBy(
        envelope.recipients.map((address) => ({ address, hop: deps.hopFor(address.domain) })),
        ({ hop }) => nameOf(hop),
      ),
    );
    const outcomes = new Map<EmailAddress, Outcome>();
    await Promise.all(
      groups.map(async (group = []) => {
        const [first] = group;
        if (first === undefined) return;
        const part = { ...envelope, recipients: group.map(({ address }) => address) };
        const results = await attempt(
          { ...context, hop: first.hop, submitter, signal },
          part,
          message,
        );
        for (const { address, outcome } of results.recipients) outcomes.set(address, outcome);
      }),
    );
    return {
      recipients: envelope.recipients.map((address) => ({
        address,
        outcome: outcomes.get(address) ?? NO_ANSWER,
      })),
    };
  };
}

async function attempt(
  context: Parameters<typeof handOver>[0] & Pick<RelayDeps, "failed">,
  envelope: Envelope,
  message: Uint8Array,
): Promise<RelayResult> {
  try {
    return await handOver(context, envelope, message);
  } catch (error) {
    context.failed?.(context.hop, error);
    return refuseAll(envelope, NO_ANSWER);
  }
}

const NO_ANSWER = {
  kind: "refused",
  code: 0,
  obstacle: "no-answer",
  text: "4.4.1 the next mail server gave no answer",
  temporary: true,
} as const;

const UNSAFE_LINE_ENDS = {
  kind: "refused",
  code: 0,
  obstacle: "line-ends",
  text: "5.6.0 bare CR, bare LF or NUL in the message",
  temporary: false,
} as const;

function refuseAll(envelope: Envelope, outcome: Outcome): RelayResult {
  return { recipients: envelope.recipients.map((address) => ({ address, outcome })) };
}
