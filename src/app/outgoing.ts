/** Wires submission: a login becomes a sender with open keys, whose messages go through `outgoing/submit`. */
import { randomUUID } from "node:crypto";

import { AppError } from "../base/errors.ts";
import { MINUTE } from "../base/time.ts";
import { isServed, readerOf } from "../accounts/postmaster.ts";
import { isAddress } from "../accounts/reader-addresses.ts";
import { readBinding } from "../vault/binding.ts";
import { openCopy, wrapCopy } from "../vault/rewrap.ts";
import { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { LoginTurns } from "../login/login-turns.ts";
import { login, type Login } from "../login/login.ts";
import { parseAddress } from "../mail/address.ts";
import { cameProtected } from "../mailbox/embedded.ts";
import { handOnWith } from "../outgoing/hand-on.ts";
import { keepForLater, sendDue, type OutboxDeps } from "../outgoing/outbox.ts";
import { answerRecipient, submit, type Sender, type SubmitDeps } from "../outgoing/outgoing.ts";
import { traceOutgoing, type TraceOutgoing } from "../outgoing/tracing.ts";
import { policyOf } from "../policy/policy.ts";
import type { Handlers } from "../smtp/listener/handlers.ts";
import type { Hop } from "../smtp/relay/hop.ts";
import { relayWith } from "../smtp/relay/relay.ts";
import { reply } from "../smtp/smtp.ts";
import type { Config } from "../config/config.ts";
import type { Domain } from "../mail/address.ts";
import { readAccount } from "../store/accounts/accounts.ts";
import { listAddresses } from "../store/accounts/addresses.ts";
import { findPublished } from "../store/keys/certificates.ts";
import type { Meter } from "./meter.ts";
import type { NextHops } from "./next-hop.ts";
import type { Parts } from "./parts.ts";
import type { Task } from "./schedule.ts";
import type { Transactions } from "./transactions.ts";
import { recipientReply, submissionReply } from "./submission-replies.ts";

/** What accepted mail leaves through. `task` sends what had to wait. */
export type WayOut = { readonly deps: OutboxDeps; readonly task: Task };

/** `hops` is told of each that gave no answer. */
export function wayOut(parts: Parts, hops?: Pick<NextHops, "failed">): WayOut {
  const { store, clock } = parts;
  const { hostname } = parts.config;
  const deps: OutboxDeps = {
    store,
    clock,
    hostname,
    relay: relayWith({
      hopFor: (domain) => hopFor(parts.config, domain),
      hostname,
      failed: (hop, error) => {
        hops?.failed(hop, error);
      },
    }),
    trace: countedTrace(
      traceOutgoing(parts.traces.write("out"), parts.traces.writeLater("out")),
      parts.meter,
    ),
    ...queueKey(parts),
  };
  return { deps, task: { name: "outbox", everyMs: MINUTE, run: async () => sendDue(deps) } };
}

/** Waiting copies are wrapped under the service key, whose name each row keeps. */
function queueKey({ serviceKeys }: Parts): Pick<OutboxDeps, "wrap" | "unwrap"> {
  return {
    wrap: async (id, bytes) => wrapCopy(serviceKeys, id, bytes),
    unwrap: async (id, { wrapped, serviceKey }) => {
      const message = await openCopy(serviceKeys, id, wrapped, serviceKey);
      if (message !== undefined) return message;
      throw new AppError("a waiting copy does not open with the queue key", { temporary: false });
    },
  };
}

function hopFor({ relay }: Config, domain: Domain): Hop {
  return relay.hosts[domain] ?? { host: relay.host, port: relay.port };
}

/** Opens what waits for an account with the keys that a login opened; nobody waits for it. */
export type Drain = (login: LoggedIn) => void;

/** What the submission listeners call. */
export function outgoingHandlers(
  parts: Parts,
  way: WayOut,
  drain: Drain,
  transactions: Transactions,
): Handlers<Sender> {
  const turns = new LoginTurns(parts.clock);
  return {
    login: async (address, password, network, signal) => {
      const parsed = parseAddress(address);
      if (parsed === undefined) return "refused";
      const failed = (error: unknown): void => {
        parts.events.failed("login", error);
      };
      const { loginFailures: failures, loginFailuresPerNetwork } = parts.config.limits;
      const loginLimits = { failures, failuresPerNetwork: loginFailuresPerNetwork };
      const deps = { ...parts, failed, turns, loginLimits };
      const result = await login(deps, { address: parsed, password, network, signal });
      if (result.kind !== "ok") return result.kind;
      if (!result.isLocked) drain(result);
      return senderOf(parts, { ...result, closed: closedOf(result) });
    },
    loggedOut: ({ keys }) => {
      keys[Symbol.dispose]();
    },
    rcpt: async ({ login: sender }, { recipients }, recipient) => {
      const current = await stillCurrent(parts, loggedIn(sender));
      if (current === undefined) return overtaken(loggedIn(sender));
      const accepted = recipients.length;
      return recipientReply(
        await answerRecipient(submitDepsOf(parts, way), current, recipient, accepted),
      );
    },
    data: async ({ login: sender, transaction }, envelope, message) => {
      const current = await stillCurrent(parts, loggedIn(sender));
      if (current === undefined) return overtaken(loggedIn(sender));
      const now = submitDepsOf(parts, way);
      const deps = named(now, transactions, transaction);
      const queueId = transaction === "" ? randomUUID().slice(0, 8) : transaction;
      const { unlockPage } = parts.config.keys;
      const submission = await submit(deps, current, envelope, message);
      return submissionReply(submission, { queueId, unlockPage });
    },
  };
}

/** What submission works with, by the configuration as it is now. */
function submitDepsOf(parts: Parts, { deps, task }: WayOut): SubmitDeps {
  return {
    clock: parts.clock,
    hostname: parts.config.hostname,
    isAddress: async (address) => isAddress(parts.store, address),
    isUnknownHere: async (address) =>
      isServed(parts.config, address) &&
      (await readerOf(parts.store, parts.config, address)) === undefined,
    discover: parts.discover,
    seal: parts.seal,
    clientProtection: parts.clientProtection,
    autocrypt: parts.config.keys.autocrypt,
    legacyDisplay: parts.config.sealing.legacyDisplay,
    trace: deps.trace,
    cameProtected: async (reader, messageIds) => cameProtected(parts.store, reader, messageIds),
    handOn: handOnWith({
      relay: deps.relay,
      trace: deps.trace,
      keep: async (sender, messageId, copies) => {
        await keepForLater(deps, sender, messageId, copies);
        task.run().catch((error: unknown) => {
          parts.events.failed("outbox", error);
        });
      },
    }),
  };
}

/** What was decided about a message stands in the line of its transaction. */
function named(deps: SubmitDeps, transactions: Transactions, name: string): SubmitDeps {
  return {
    ...deps,
    trace: {
      ...deps.trace,
      planned: async (o) => {
        const { messageId } = o.prepared;
        transactions.note(name, { messageId, plan: o.plan.kind });
        await deps.trace.planned(o);
      },
      passedThrough: async (o) => {
        transactions.note(name, { messageId: o.prepared.messageId, plan: "pass" });
        await deps.trace.passedThrough(o);
      },
    },
  };
}

function countedTrace(trace: TraceOutgoing, meter: Meter): TraceOutgoing {
  return {
    ...trace,
    planned: async (o) => {
      await trace.planned(o);
      meter.planned(o.plan.kind);
    },
    passedThrough: async (o) => {
      await trace.passedThrough(o);
      meter.planned("pass");
    },
    relayed: async (o) => {
      await trace.relayed(o);
      for (const { outcome } of o.result.recipients) {
        if (outcome.kind === "accepted") meter.handedOn("accepted");
        else meter.handedOn(outcome.temporary ? "deferred" : "refused");
      }
    },
  };
}

/** RFC 3463 §3.8: X.7.0, other security status. */
const LOG_IN_AGAIN = reply(
  "451",
  "4.7.0",
  "the account was changed since this login; log in again",
);

/** A login that no longer counts takes its keys with it, in the threads too. */
function overtaken({ keys }: Sender): typeof LOG_IN_AGAIN {
  keys[Symbol.dispose]();
  return LOG_IN_AGAIN;
}

function loggedIn(sender: Sender | undefined): Sender {
  if (sender !== undefined) return sender;
  throw new AppError("submission without a login", { temporary: false });
}

/** A login whose password was right. */
export type LoggedIn = Pick<Extract<Login, { kind: "ok" }>, "account" | "keys" | "generation">;

async function senderOf(
  { config, store }: Parts,
  { account, keys, generation, closed }: LoggedIn & Pick<Sender, "closed">,
): Promise<Sender> {
  return {
    account: account.id,
    address: account.address,
    addresses: await listAddresses(store, account.id),
    policy: policyOf(config.policy, account),
    keys,
    generation,
    closed,
  };
}

/** Why a right password opened no keys. */
function closedOf({ isLocked, account }: Extract<Login, { kind: "ok" }>): Sender["closed"] {
  if (!isLocked) return undefined;
  return account.custody === "user-device-only" ? "on-device" : "password-changed";
}

/**
 * The sender as the account is now: its addresses and its policy. Undefined after anything that opens the account was
 * changed since the login, in whichever process. A key that was revoked since signs nothing any more: the user logs in
 * again and has the new one.
 */
async function stillCurrent(parts: Parts, login: Sender): Promise<Sender | undefined> {
  const { store } = parts;
  const account = (await readAccount(store, login.account))?.account;
  if (account === undefined || account.closedAt !== undefined) return undefined;
  const { generation, closed } = login;
  if ((await readBinding(store, login.account))?.generation !== generation) return undefined;
  const sender = await senderOf(parts, { account, keys: login.keys, generation, closed });
  for (const address of sender.addresses) {
    const own = sender.keys.for(address)?.fingerprint;
    if (own === undefined) continue;
    const published = await findPublished(store, address);
    if (published?.fingerprint !== own) return { ...sender, keys: UnlockedKeys.none() };
  }
  return sender;
}
