/** Alice submits to recipients whose state is not certain, or changes. Time is a fake clock, keys and database are real. */
import assert from "node:assert/strict";

import { openLoginCache } from "../../src/app/open-login-cache.ts";
import { mailboxesOf } from "../../src/app/open-mailbox.ts";
import { openBlobs } from "../../src/blobs/blobs.ts";
import { standardFolder, type MailboxEntry } from "../../src/mailbox/mailbox.ts";
import { encryptAtRest } from "../../src/openpgp/messages/encrypt.ts";
import { open as openMessage } from "../../src/pgpmime/pgpmime.ts";
import { generationNow } from "../../src/vault/binding.ts";
import { unlockWithService } from "../../src/vault/vault.ts";
import { idOf } from "./accounts.ts";
import { cancel, findWaiting } from "../../src/outgoing/deferral/waiting.ts";
import { deferralTask, tellingIn } from "../../src/app/deferral.ts";
import { outboundRelay } from "../../src/app/outgoing.ts";
import type { SubmissionLogin } from "../../src/app/sender.ts";
import { submissionHandlers } from "../../src/app/submission.ts";
import { Given } from "../../src/base/given.ts";
import { after, DAY, MINUTE } from "../../src/base/time.ts";
import type { Discovery } from "../../src/discovery/outcome.ts";
import { messageWorkHere } from "../../src/incoming/message-work.ts";
import { formatAddress, sameAddress, type EmailAddress } from "../../src/mail/address.ts";
import type { Envelope } from "../../src/mail/envelope.ts";
import type { UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";
import { clientProtection } from "../../src/outgoing/already-protected.ts";
import type { Copy } from "../../src/outgoing/copy.ts";
import { sendDue } from "../../src/outgoing/outbox.ts";
import { encrypt, seal, sign } from "../../src/pgpmime/seal.ts";
import type { Handlers } from "../../src/smtp/listener/handlers.ts";
import { readDeferred } from "../../src/store/mail/deferred.ts";
import { findPublished } from "../../src/store/keys/certificates.ts";
import { certificateIn } from "../../src/vault/published-certificate.ts";
import type { Store } from "../../src/store/store.ts";
import type { Policy } from "../../src/words/account.ts";
import { addressOf } from "./address.ts";
import { alice, depsFor, enrolAlice, network, old, type Deps } from "./key-life.ts";
import { noMeter } from "./no-meter.ts";
import { ownKey } from "./openpgp-messages.ts";
import { QUIET_CONFIG } from "./quiet-submission.ts";
import { replyText } from "./reply-text.ts";

/** What is known of a recipient: their key, for certain none, or nothing that can be believed. */
export type Known = "found" | "absent" | "unsure";

export const bob = await ownKey("bob@beta.test", "compat");
export const ben = await ownKey("ben@beta.test", "compat");
const KEYS: ReadonlyMap<string, UnlockedKey> = new Map([
  ["bob@beta.test", bob],
  ["ben@beta.test", ben],
]);

export const CANARY = "CANARY-5e17";
export const MESSAGE = `From: alice@alpha.test
To: bob@beta.test
Message-ID: <1@alpha.test>
Subject: ${CANARY} in the subject

${CANARY} in the text
`;

export type Options = {
  readonly policy?: Policy;
  readonly deferredBytes?: number;
  readonly mailboxBytes?: number;
  /** Alice's account is there already; without it she gets one that needs no password, whose cost is nothing to these tests. */
  readonly deps?: Deps;
  /** Told of each copy before the next hop's answer. */
  readonly relaying?: (copy: Copy) => void;
  /** Waited for before somebody is looked up, and before a copy is encrypted: what happens meanwhile. */
  readonly meanwhile?: (doing: "asking" | "encrypting", address?: EmailAddress) => Promise<void>;
  /** Asks the network for everybody but alice; without it `known` says what is found. */
  readonly discoverWith?: (parts: Pick<Deps, "store" | "clock">) => Asks;
};

type Asks = (address: EmailAddress) => Promise<Discovery>;

/** A gateway with one user, whose next hop takes everything. */
export async function deferralWorld(store: Store, options: Options = {}) {
  const deps = options.deps ?? (await withoutPassword(store));
  const { clock, serviceKeys, keyRules } = deps;
  const events = { failed: (_where: string, error: unknown) => assert.fail(String(error)) };
  const known = new Map<string, Known>();
  const asked: Date[] = [];
  const relayed: Copy[] = [];
  const traced: string[] = [];
  let split = false;
  let policy: Policy = options.policy ?? "prefer-clear";
  const { deferredBytes = 1e9, mailboxBytes = 1e9 } = options;
  const askNetwork = options.discoverWith?.({ store, clock });
  const current = () => ({
    ...QUIET_CONFIG,
    policy: { default: policy, domains: {} },
    submission: { ...QUIET_CONFIG.submission, sentCopies: true, split },
    limits: { ...QUIET_CONFIG.limits, deferredBytes, mailboxBytes, pendingBytes: 0 },
  });
  const traces = {
    writeLater: () => (_id: string, step: string) => {
      traced.push(step);
    },
  };
  const made = outboundRelay({
    store,
    clock,
    serviceKeys,
    current,
    events,
    traces,
    meter: noMeter,
  });
  const relay: typeof made.deps.relay = async (envelope, message) => {
    relayed.push({ envelope, message });
    options.relaying?.({ envelope, message });
    const outcome = { kind: "accepted", text: "250 ok" } as const;
    const recipients = envelope.recipients.map((address) => ({ address, outcome }));
    return Promise.resolve({ recipients });
  };
  const woken: Date[] = [];
  const sendSoon = () => {
    woken.push(clock.now());
  };
  const out = { ...made, deps: { ...made.deps, relay }, sendSoon };
  const discover = async (address: EmailAddress): Promise<Discovery> => {
    if (sameAddress(address, alice)) return ownDiscovery(store, clock.now());
    asked.push(clock.now());
    await options.meanwhile?.("asking", address);
    if (askNetwork !== undefined) return askNetwork(address);
    return discoveryOf(address, known.get(formatAddress(address)) ?? "unsure", clock.now());
  };
  const blobs = openBlobs({ store, clock }, { bodies: "database", bodiesFolder: "" });
  const work = messageWorkHere;
  const mailboxPool = { seal, open: openMessage, encryptAtRest, messageWork: work };
  const mailboxOf = mailboxesOf({ store, clock, pool: mailboxPool, blobs, events });
  const handlers = submissionHandlers({
    vault: { store, clock, serviceKeys, blobs },
    keyRules,
    current,
    events,
    discover,
    pool: {
      seal,
      sign,
      clientProtection: async (message) => Promise.resolve(clientProtection(message)),
      messageWorkForUsers: messageWorkHere,
    },
    mailboxOf,
    out,
    drain: () => undefined,
    transactions: { note: () => undefined },
    loginCache: openLoginCache({ clock }, current),
  });
  const deferral = deferralTask({
    store,
    clock,
    current,
    discover,
    pool: {
      encrypt: async (request) => {
        await options.meanwhile?.("encrypting");
        return encrypt(request);
      },
    },
    out,
    mailboxOf,
  });
  return {
    deps,
    store,
    clock,
    known,
    asked,
    relayed,
    /** When the outbox was woken. */
    woken,
    traced,
    handlers,
    setSplit: (next: boolean) => {
      split = next;
    },
    /** Cancels what waits under an ID, as an operator does, who has read it before `meanwhile`. @returns what came of it. */
    cancel: async (id: string, meanwhile?: () => Promise<void>): Promise<string> => {
      const [message] = await findWaiting(store, [id]);
      assert(message);
      await meanwhile?.();
      const telling = tellingIn({ store, clock, mailboxOf, ...current() });
      const keeping = { ...out.deps, parts: out.parts, ...telling };
      return (await cancel(keeping, message, "operator")).kind;
    },
    setPolicy: (next: Policy) => {
      policy = next;
    },
    /** Submits as alice; `from` is the return path. @returns the reply. */
    send: async (
      text: string,
      to: readonly string[],
      { from }: Pick<Envelope, "from"> = { from: alice },
    ): Promise<string> => {
      const { data, loggedOut } = handlers;
      const login = (await openedLogin(deps)) ?? (await passwordLogin(handlers));
      const client = { login, transaction: "t" } as Parameters<typeof data>[0];
      const given = new Given(Buffer.from(text.replaceAll("\n", "\r\n")));
      const replies = await data(client, { from, recipients: to.map(addressOf) }, given);
      loggedOut?.(login);
      return [replies].flat().map(replyText).join();
    },
    /** What a process does each minute. */
    tick: async (): Promise<void> => {
      await deferral.task.run();
      await sendDue(out.deps);
    },
    /** Lets time pass, minute by minute where nothing else is said. */
    pass: async (ms: number, { mayFail = false, everyMs = MINUTE } = {}): Promise<void> => {
      const end = after(clock.now(), ms);
      while (clock.now() < end) {
        clock.advance(everyMs);
        await deferral.task.run().catch((error: unknown) => {
          if (!mayFail) throw error;
        });
      }
      await sendDue(out.deps);
    },
    /** What alice's mailbox has in Sent; folded in where she asks for it. */
    sent: async (isFolded: boolean): Promise<readonly MailboxEntry[]> => {
      using keys = await unlockWithService(deps, idOf(alice));
      assert(keys);
      const mailbox = mailboxOf(store, { id: idOf(alice), address: alice }, keys);
      if (isFolded) await mailbox.catchUp();
      return (await mailbox.list(standardFolder("sent"), { limit: 10 })).entries;
    },
    mailboxOf,
    waiting: async () => {
      const rows = await store.db.selectFrom("deferred").select("id").execute();
      return Promise.all(rows.map(async ({ id }) => readDeferred(store, id)));
    },
    /** How many rows are left of anything that waits. */
    left: async (): Promise<number> => {
      const { db } = store;
      const tables = ["deferred", "outbox", "outbox_pieces"] as const;
      const counts = await Promise.all(
        tables.map(async (table) => (await db.selectFrom(table).selectAll().execute()).length),
      );
      const jobs = await db.selectFrom("jobs").select("id").where("kind", "!=", "task").execute();
      return counts.reduce((sum, count) => sum + count, jobs.length);
    },
  };
}

/** A day after alice got an account whose keys the service key opens. */
async function withoutPassword(store: Store): Promise<Deps> {
  const deps = depsFor(store);
  await enrolAlice(deps, { custody: "provider-usable" });
  deps.clock.advance(DAY);
  return deps;
}

/** As after a login; undefined where only her password opens her keys. */
async function openedLogin(deps: Deps): Promise<SubmissionLogin | undefined> {
  const account = idOf(alice);
  const keys = await unlockWithService(deps, account);
  if (keys === undefined) return undefined;
  const generation = await generationNow(deps.store, account);
  return { account, address: alice, keys, generation, closed: undefined };
}

async function passwordLogin({ login }: Handlers<SubmissionLogin>): Promise<SubmissionLogin> {
  const answer = await login?.("alice@alpha.test", old(), network, AbortSignal.timeout(60_000));
  assert(answer?.kind === "logged-in");
  return answer.login;
}

function discoveryOf(address: EmailAddress, known: Known, now: Date): Discovery {
  const evidence = { checkedAt: now };
  const key = KEYS.get(formatAddress(address));
  if (known === "absent") return { kind: "absent", code: "NOSVC", evidence };
  if (known === "unsure" || key === undefined) {
    return { kind: "unreachable", code: "UNSURE-DNS", reason: "bogus", evidence };
  }
  const { certificate } = key;
  return { kind: "found", code: "OK", source: "hkp", certificate, fetchedAt: now, evidence };
}

async function ownDiscovery(store: Store, now: Date): Promise<Discovery> {
  const published = await findPublished(store, alice);
  const evidence = { checkedAt: now };
  if (published === undefined) return { kind: "absent", code: "NOKEY", evidence };
  const certificate = await certificateIn(published);
  return { kind: "found", code: "LOCAL", source: "local", certificate, fetchedAt: now, evidence };
}
