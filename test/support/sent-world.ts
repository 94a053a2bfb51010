/** A user who submits mail, and the mailbox that keeps copies of it. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { idOf } from "./accounts.ts";
import { addressOf } from "./address.ts";
import { alice, network, old, withAlice } from "./key-life.ts";
import { noMeter } from "./no-meter.ts";
import { ownKey } from "./openpgp-messages.ts";
import { QUIET_CONFIG } from "./quiet-submission.ts";
import { replyText } from "./reply-text.ts";
import { Given } from "../../src/base/given.ts";
import type { Secret } from "../../src/base/secret.ts";
import { openBlobs } from "../../src/blobs/blobs.ts";
import type { Discovery } from "../../src/discovery/outcome.ts";
import { messageWorkHere, type MessageWork } from "../../src/incoming/message-work.ts";
import { canonicalAddress, type EmailAddress } from "../../src/mail/address.ts";
import { standardFolder, type Mailbox } from "../../src/mailbox/mailbox.ts";
import { encryptAtRest } from "../../src/openpgp/messages/encrypt.ts";
import { clientProtection } from "../../src/outgoing/already-protected.ts";
import type { Copy } from "../../src/outgoing/copy.ts";
import { open as openMessage } from "../../src/pgpmime/pgpmime.ts";
import { seal, sign } from "../../src/pgpmime/seal.ts";
import type { Outcome } from "../../src/smtp/relay/hop.ts";
import type { BlobPlace } from "../../src/store/mail/blobs.ts";
import type { Store } from "../../src/store/store.ts";
import { unlockWithPassword } from "../../src/vault/vault.ts";
import type { Policy } from "../../src/words/account.ts";
import { openLoginCache } from "../../src/app/open-login-cache.ts";
import { mailboxesOf } from "../../src/app/open-mailbox.ts";
import { digestTask } from "../../src/app/digest-task.ts";
import { outboundRelay } from "../../src/app/outgoing.ts";
import type { Task } from "../../src/jobs/tasks.ts";
import { sendDue, type OutboxDeps } from "../../src/outgoing/outbox.ts";
import { submissionHandlers } from "../../src/app/submission.ts";

export const CANARY = "CANARY-91c4";
export const bob = await ownKey("bob@beta.test", "compat");
export const ben = await ownKey("ben@beta.test", "compat");
const PEOPLE = new Map([
  ["bob@beta.test", bob],
  ["ben@beta.test", ben],
]);
export const MESSAGE = `From: alice@alpha.test
To: bob@beta.test
Date: Mon, 01 Jan 2001 00:00:00 +0000
Message-ID: <1@alpha.test>
Subject: ${CANARY} in the subject

${CANARY} in the text
`;

export const NAMES = { from: "", claimed: "" };
export const TAKEN: Outcome = { kind: "accepted", text: "250 ok" };

type Options = {
  readonly policy?: Policy;
  readonly password?: () => Secret;
  readonly sentCopies?: boolean;
  readonly split?: boolean;
  readonly digest?: boolean;
  readonly mailboxBytes?: number;
  /** What happens between the login and the message. */
  readonly meanwhile?: () => Promise<void>;
  readonly outcome?: (recipient: EmailAddress) => Outcome;
  /** What happens while the next hop has the message. */
  readonly whileRelayed?: () => Promise<void>;
  /** Work on the message for its copy that is done otherwise. */
  readonly work?: Partial<MessageWork>;
};

/** Alice, her mailbox, and her submissions; bodies are kept where `bodies` says. */
export async function worldIn(store: Store, bodies: BlobPlace) {
  const { deps } = await withAlice(store);
  const { clock, serviceKeys, keyRules } = deps;
  const dir = await mkdtemp(join(tmpdir(), "sealpost-sent-"));
  const blobs = openBlobs({ store, clock }, { bodies, bodiesFolder: join(dir, "bodies") });
  const failed: string[] = [];
  const events = {
    failed: (_where: string, error: unknown) => {
      failed.push(String(error));
    },
  };
  const work = messageWorkHere;
  const pool = { seal, open: openMessage, encryptAtRest, messageWork: work };
  const mailboxOf = mailboxesOf({ store, clock, pool, blobs, events });
  const relayed: Copy[] = [];
  const traced: string[] = [];
  const config = {
    ...QUIET_CONFIG,
    relay: { ...QUIET_CONFIG.relay, host: "127.0.0.1", port: 1, hosts: {} },
  };
  const configOf = (options: Options) => {
    const { policy = "prefer-clear", sentCopies = true, split = false } = options;
    const { mailboxBytes = 1e9, digest = false } = options;
    return {
      ...config,
      policy: { default: policy, domains: {} },
      submission: { ...config.submission, sentCopies, split },
      notices: { language: "en" as const, digest },
      limits: { ...config.limits, mailboxBytes, pendingBytes: 0 },
    };
  };
  const outFor = (options: Options) => {
    const { outcome } = options;
    const current = () => configOf(options);
    const traces = {
      writeLater: () => (_id: string, step: string) => {
        traced.push(step);
      },
    };
    const meter = noMeter;
    const out = outboundRelay({ store, clock, serviceKeys, current, events, traces, meter });
    const relay: typeof out.deps.relay = async (envelope, message) => {
      relayed.push({ envelope, message });
      await options.whileRelayed?.();
      const recipients = envelope.recipients.map((address) => ({
        address,
        outcome: outcome?.(address) ?? TAKEN,
      }));
      return Promise.resolve({ recipients });
    };
    return { ...out, deps: { ...out.deps, relay }, sendSoon: () => undefined };
  };
  const handlersFor = (options: Options) => {
    const current = () => configOf(options);
    return submissionHandlers({
      vault: { store, clock, serviceKeys, blobs },
      keyRules,
      current,
      events,
      discover: async (address) => Promise.resolve(discoveryOf(address, clock.now())),
      pool: {
        seal,
        sign,
        clientProtection: async (message) => Promise.resolve(clientProtection(message)),
        messageWorkForUsers: { ...work, ...options.work },
      },
      mailboxOf,
      out: outFor(options),
      drain: () => undefined,
      transactions: { note: () => undefined },
      loginCache: openLoginCache({ clock }, current),
    });
  };
  return {
    deps,
    store,
    dir,
    blobs,
    relayed,
    traced,
    /** What was told to the log; a test that expects something takes it away. */
    failed,
    /** Submits as alice. @returns the reply. */
    send: async (text: string, to: readonly string[], options: Options = {}): Promise<string> => {
      const { login, data, loggedOut } = handlersFor(options);
      const password = (options.password ?? old)();
      const signal = AbortSignal.timeout(60_000);
      const answer = await login?.("alice@alpha.test", password, network, signal);
      assert(answer?.kind === "logged-in");
      const client = { login: answer.login, transaction: "t" } as Parameters<typeof data>[0];
      const given = new Given(Buffer.from(text.replaceAll("\n", "\r\n")));
      await options.meanwhile?.();
      const replies = await data(client, { from: alice, recipients: to.map(addressOf) }, given);
      loggedOut?.(answer.login);
      return [replies].flat().map(replyText).join();
    },
    /** Works with the mailbox of alice, opened with her password. */
    inMailbox: async <Value>(work: (mailbox: Mailbox) => Promise<Value>): Promise<Value> => {
      using keys = await unlockWithPassword(deps, idOf(alice), old());
      assert(keys);
      return await work(mailboxOf(store, { id: idOf(alice), address: alice }, keys));
    },
    closed: () => mailboxOf(store, { id: idOf(alice), address: alice }),
    /** The task that tells users of mail that left in clear, in a process with this store and this way to wrap. */
    digests: (
      options: Options = {},
      of: Partial<Pick<OutboxDeps, "store" | "wrap">> = {},
    ): Task => {
      const { deps: common, sendSoon } = outFor(options);
      const out = { sendSoon, deps: { ...common, ...of } };
      return digestTask({ current: () => configOf(options), events, out });
    },
    /** Hands on what waits. */
    sendWaiting: async () => sendDue(outFor({}).deps),
    [Symbol.asyncDispose]: async () => {
      await rm(dir, { recursive: true });
      assert.deepEqual(failed, []);
    },
  };
}

function discoveryOf(address: EmailAddress, now: Date): Discovery {
  const key = PEOPLE.get(canonicalAddress(address));
  const evidence = { checkedAt: now };
  if (key === undefined) return { kind: "absent", code: "NOSVC", evidence };
  const { certificate } = key;
  return { kind: "found", code: "OK", source: "hkp", certificate, fetchedAt: now, evidence };
}

/** What a mailbox has in Sent. */
export async function sentIn(mailbox: Mailbox) {
  return (await mailbox.list(standardFolder("sent"), { limit: 10 })).entries;
}
