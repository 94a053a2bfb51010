/** Why a message was protected or not: each decision with its evidence, for `sealpost trace ID`. */
import type { Discovery } from "../discovery/outcome.ts";
import { formatAddress, type EmailAddress } from "../mail/address.ts";
import type { Envelope } from "../mail/envelope.ts";
import type { RelayResult } from "../smtp/relay/hop.ts";
import type { Policy } from "../words/account.ts";
import type { Part } from "../words/rollout.ts";
import type { Copy } from "./copy.ts";
import type { RetryOutcome } from "./deferral/retry-outcome.ts";
import type { Looked, Plan, Recipient } from "./plan.ts";
import type { Prepared } from "./prepare.ts";
import type { NoSentCopy } from "./submission.ts";

export type Detail = Readonly<Record<string, string | number | boolean>>;

/** Writes one step of a message's story; it never fails, and keeps nobody waiting. */
export type WriteTrace = (messageId: string, step: string, detail: Detail) => void;

export type TraceOutgoing = {
  readonly planned: (o: {
    readonly sender: EmailAddress;
    readonly part: Part;
    readonly prepared: Prepared;
    readonly policy: Policy;
    readonly recipients: readonly Recipient[];
    readonly plan: Plan;
  }) => void;
  readonly passedThrough: (o: {
    readonly sender: EmailAddress;
    readonly part: Part;
    readonly prepared: Prepared;
    readonly envelope: Envelope;
  }) => void;
  readonly relayed: (o: {
    readonly messageId: string;
    readonly copy: Copy;
    readonly result: RelayResult;
  }) => void;
  /** A message is kept, and its recipients are looked up again later. */
  readonly deferred: (o: { readonly messageId: string; readonly because: Looked }) => void;
  /** What its turn came to. */
  readonly retried: (
    o: { readonly messageId: string; readonly sender: EmailAddress } & RetryOutcome,
  ) => void;
  /** The sender's mailbox gets no copy. */
  readonly noSentCopy: (o: { readonly messageId: string; readonly because: NoSentCopy }) => void;
};

/** Tells by `write` what was decided about a message before it leaves, and what became of it. */
export function traceOutgoing(write: WriteTrace): TraceOutgoing {
  const writeRecipients = (messageId: string, recipients: readonly Recipient[]): void => {
    for (const one of recipients) {
      const found = one.policy === "off" ? {} : discoveryDetail(one.discovery);
      const recipient = formatAddress(one.address);
      write(messageId, "recipient", { recipient, policy: one.policy, ...found });
    }
  };
  return {
    planned: ({ sender, prepared, policy, recipients, plan }) => {
      const { messageId } = prepared;
      writeRecipients(messageId, recipients);
      write(messageId, "plan", {
        sender: formatAddress(sender),
        policy,
        ...planDetail(plan, recipients),
      });
    },
    passedThrough: ({ sender, prepared, envelope }) => {
      write(prepared.messageId, "plan", {
        sender: formatAddress(sender),
        plan: "pass",
        recipients: envelope.recipients.length,
        reason: "already protected by the client",
      });
    },
    relayed: ({ messageId, copy, result }) => {
      for (const { address, outcome } of result.recipients) {
        write(messageId, "handed on", {
          recipient: formatAddress(address),
          sizeBytes: copy.message.length,
          outcome: outcome.kind,
          answer: outcome.text,
        });
      }
    },
    deferred: ({ messageId, because }) => {
      const { code } = because.discovery;
      write(messageId, "deferred", { because: formatAddress(because.address), code });
    },
    retried: ({ messageId, sender, ...outcome }) => {
      if (outcome.kind === "planned") writeRecipients(messageId, outcome.recipients);
      write(messageId, "retry", {
        sender: formatAddress(sender),
        ...(outcome.kind === "planned"
          ? planDetail(outcome.plan, outcome.recipients)
          : { plan: "refuse", reason: outcome.kind }),
      });
    },
    noSentCopy: ({ messageId, because: reason }) => {
      write(messageId, "no Sent copy", { reason });
    },
  };
}

function planDetail(plan: Plan, recipients: readonly Recipient[]): Detail {
  return {
    plan: plan.kind,
    recipients: recipients.length,
    ...("because" in plan ? { because: formatAddress(plan.because.address) } : {}),
  };
}

/** A recipient's state code (docs/use/states.md) with what it rests on. */
function discoveryDetail(discovery: Discovery): Detail {
  const { evidence } = discovery;
  return {
    code: discovery.code,
    ...(discovery.kind === "found"
      ? { fingerprint: discovery.certificate.fingerprint, source: discovery.source }
      : {}),
    ...(discovery.kind === "found" || discovery.reason === undefined
      ? {}
      : { reason: discovery.reason }),
    ...(evidence.dns === undefined ? {} : { dns: evidence.dns }),
    ...(evidence.keyserver === undefined ? {} : { keyserver: evidence.keyserver }),
    ...(evidence.detail === undefined ? {} : { detail: evidence.detail }),
    checkedAt: evidence.checkedAt.toISOString(),
  };
}
