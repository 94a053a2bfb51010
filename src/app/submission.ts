/** Wires submission: a login becomes a sender with open keys, whose messages go through `submit` (`outgoing/outgoing.ts`). */
import { randomUUID } from "node:crypto";

import { isServed, readerOf } from "../accounts/postmaster.ts";
import { isAddress } from "../accounts/reader-addresses.ts";
import { AppError } from "../base/errors.ts";
import type { BlobStore } from "../blobs/blobs.ts";
import type { Config } from "../config/config.ts";
import type { LoginCache } from "../login/login-cache.ts";
import { LoginTurns } from "../login/login-turns.ts";
import { login, type LoginDeps } from "../login/login.ts";
import { parseAddress } from "../mail/address.ts";
import { cameProtected } from "../mailbox/came-protected.ts";
import { protectedName } from "../mailbox/embedded/protected-name.ts";
import type { MailboxOf } from "../mailbox/mailbox-of.ts";
import { countInClear } from "../outgoing/digest/count-in-clear.ts";
import { handOnWith } from "../outgoing/hand-on.ts";
import { keepForLater } from "../outgoing/outbox.ts";
import { answerRecipient, submit } from "../outgoing/outgoing.ts";
import { prepareSent } from "../outgoing/sent-copy.ts";
import type { SubmitDeps } from "../outgoing/submit-deps.ts";
import type { TraceOutgoing } from "../outgoing/tracing.ts";
import {
  type Client,
  type Handlers,
  type LoginAnswer,
  NO_NAME,
} from "../smtp/listener/handlers.ts";
import type { Submitter } from "../smtp/relay/hop.ts";
import { reply } from "../smtp/smtp.ts";
import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";
import type { CryptoPool } from "./crypto-pool.ts";
import { deferring } from "./deferral.ts";
import type { Events } from "./events.ts";
import { loginReply } from "./login-replies.ts";
import type { OutboundRelay } from "./outgoing.ts";
import { stillCurrent, submissionLogin, type LoggedIn, type SubmissionLogin } from "./sender.ts";
import { sentDepsOf } from "./sent-copies.ts";
import { recipientReply, submissionReply } from "./submission-replies.ts";
import type { Transactions } from "./transactions.ts";

/** Opens what waits for an account with the keys that a login opened; nobody waits for it. */
export type Drain = (login: LoggedIn) => void;

export type SubmissionDeps = {
  readonly vault: VaultDeps & { readonly blobs: Pick<BlobStore, "roomBytes"> };
  readonly keyRules: KeyRules;
  /** The configuration as it is now. */
  readonly current: () => Config;
  readonly events: Pick<Events, "failed">;
  readonly discover: SubmitDeps["discover"];
  readonly pool: Pick<CryptoPool, "seal" | "sign" | "clientProtection" | "messageWorkForUsers">;
  readonly mailboxOf: MailboxOf;
  readonly out: OutboundRelay;
  readonly drain: Drain;
  readonly transactions: Pick<Transactions, "note">;
  readonly loginCache: LoginCache;
};

/** What the submission listeners call. */
export function submissionHandlers(deps: SubmissionDeps): Handlers<SubmissionLogin> {
  const { current, drain } = deps;
  const { store, clock } = deps.vault;
  const turns = new LoginTurns(clock);
  const ofSender = { store, current };
  return {
    login: async (address, password, network, signal) => {
      const parsed = parseAddress(address);
      if (parsed === undefined) return notLoggedIn({ kind: "refused" });
      const result = await login(loginDepsOf(deps, turns), {
        address: parsed,
        password,
        network,
        signal,
      });
      if (result.kind !== "ok") return notLoggedIn(result);
      if (!result.isLocked) drain(result);
      return { kind: "logged-in", login: submissionLogin(result) };
    },
    loggedOut: ({ keys }) => {
      keys[Symbol.dispose]();
    },
    rcpt: async ({ login: sender }, { recipients }, recipient) => {
      const now = await stillCurrent(ofSender, loggedIn(sender));
      if (now === undefined) return outdated(loggedIn(sender));
      const flow = submitDepsOf(deps, deps.out.deps.trace);
      return recipientReply(await answerRecipient(flow, now, recipient, recipients.length));
    },
    data: async (client, envelope, message) => {
      const { login: sender, transaction } = client;
      const now = await stillCurrent(ofSender, loggedIn(sender));
      if (now === undefined) return outdated(loggedIn(sender));
      const trace = notingTrace(deps.out.deps.trace, deps.transactions, transaction);
      const queueId = transaction === "" ? randomUUID().slice(0, 8) : transaction;
      const { unlockPage } = current().keys;
      const flow = submitDepsOf(deps, trace, submitterOf(client, now));
      const submission = await submit(flow, now, envelope, message);
      return submissionReply(submission, { queueId, unlockPage });
    },
  };
}

function notLoggedIn(result: Parameters<typeof loginReply>[0]): LoginAnswer<never> {
  return { kind: "refused", reply: loginReply(result) };
}

function loginDepsOf(
  { vault, keyRules, current, events, loginCache: cache }: SubmissionDeps,
  turns: LoginTurns,
): LoginDeps {
  const { store, clock, serviceKeys, releaseLimits } = vault;
  const { loginFailures: failures, loginFailuresPerNetwork: failuresPerNetwork } = current().limits;
  return {
    store,
    clock,
    serviceKeys,
    releaseLimits,
    keyRules,
    turns,
    cache,
    loginLimits: { failures, failuresPerNetwork },
    failed: (error) => {
      events.failed("login", error);
    },
  };
}

/** The client of a message, for a next hop that is to know it. */
function submitterOf(
  { address, port, name }: Client<SubmissionLogin>,
  { address: login }: SubmissionLogin,
): Submitter {
  return {
    address,
    port,
    helo: name === NO_NAME ? undefined : name,
    login,
  };
}

/**
 * What submission works with, by the configuration as it is now. `trace` and `submitter` are those of one message: what
 * leaves at once may name its client to the next hop, and what is kept for later does not.
 */
function submitDepsOf(
  deps: SubmissionDeps,
  trace: TraceOutgoing,
  submitter?: Submitter,
): SubmitDeps {
  const { vault, pool, out, events } = deps;
  const { store, clock } = vault;
  const config = deps.current();
  return {
    clock,
    hostname: config.hostname,
    isAddress: async (address) => isAddress(store, address),
    isUnknownHere: async (address) =>
      isServed(config, address) && (await readerOf(store, config, address)) === undefined,
    discover: deps.discover,
    seal: pool.seal,
    defer: deferring({ store, clock, current: deps.current, pool, out }),
    clientProtection: pool.clientProtection,
    isSplit: config.submission.split,
    autocrypt: config.keys.autocrypt,
    legacyDisplay: config.sealing.legacyDisplay,
    trace,
    cameProtected: async (reader, messageIds) => cameProtected(store, reader, messageIds),
    protectedName: async (account, messageId) => {
      const note = await protectedName(store, account, messageId);
      return async (tx) => note(tx, clock.now());
    },
    countInClear: countInClear({ clock, isDefault: config.notices.digest }),
    prepareSent: config.submission.sentCopies
      ? async (request) => prepareSent(sentDepsOf(deps, config.limits), request)
      : undefined,
    handOn: handOnWith({
      relay: async (envelope, message) => out.deps.relay(envelope, message, { submitter }),
      trace: out.deps.trace,
      failed: (error) => {
        events.failed("keeping what was sent", error);
      },
      keep: async (sender, messageId, copies, also) => {
        await keepForLater(out.deps, sender, messageId, copies, also);
        if (copies.length > 0) out.sendSoon();
      },
    }),
  };
}

/** What was decided about a message stands in the line of its transaction. */
function notingTrace(
  trace: TraceOutgoing,
  transactions: Pick<Transactions, "note">,
  name: string,
): TraceOutgoing {
  return {
    planned: (o) => {
      transactions.note(name, { messageId: o.prepared.messageId, plan: o.plan.kind });
      trace.planned(o);
    },
    passedThrough: (o) => {
      transactions.note(name, { messageId: o.prepared.messageId, plan: "pass" });
      trace.passedThrough(o);
    },
    relayed: trace.relayed,
    deferred: trace.deferred,
    retried: trace.retried,
    noSentCopy: trace.noSentCopy,
  };
}

/** RFC 3463 §3.8: X.7.0, other security status. */
const LOG_IN_AGAIN = reply(
  "451",
  "4.7.0",
  "the account was changed since this login; log in again",
);

/** A login that no longer counts takes its keys with it, in the threads too. */
function outdated({ keys }: SubmissionLogin): typeof LOG_IN_AGAIN {
  keys[Symbol.dispose]();
  return LOG_IN_AGAIN;
}

function loggedIn(login: SubmissionLogin | undefined): SubmissionLogin {
  if (login !== undefined) return login;
  throw new AppError("submission without a login", { temporary: false });
}
