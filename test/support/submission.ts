/** Submissions by alice, whose next hop and outbox are looked into. */
import assert from "node:assert/strict";
import { Given } from "../../src/base/given.ts";
import { after, DAY, fromUnixMs } from "../../src/base/time.ts";
import type { Discovery } from "../../src/discovery/outcome.ts";
import { UnlockedKeys } from "../../src/vault/unlocked-keys.ts";
import {
  formatAddress,
  parseAddress,
  parseDomain,
  type EmailAddress,
} from "../../src/mail/address.ts";
import { generateKey } from "../../src/openpgp/keys/generate.ts";
import { readSecretKey, type UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";
import { seal } from "../../src/pgpmime/seal.ts";
import { replyText } from "./reply-text.ts";
import type { Outcome } from "../../src/smtp/relay/hop.ts";
import type { Copy } from "../../src/outgoing/copy.ts";
import { handOnWith } from "../../src/outgoing/hand-on.ts";
import { submit } from "../../src/outgoing/outgoing.ts";
import type { Sender, SubmitDeps } from "../../src/outgoing/submit-deps.ts";
import { traceOutgoing } from "../../src/outgoing/tracing.ts";
import type { Part } from "../../src/words/rollout.ts";
import type { ContactRules } from "../../src/policy/contact-rules.ts";
import type { Policy } from "../../src/words/account.ts";
import { idOf } from "./accounts.ts";
import { submissionReply } from "../../src/app/submission-replies.ts";

export const NOW = fromUnixMs(1_795_000_000_000);
export const people = new Map<string, UnlockedKey>();

/** Makes the keys of alice, bob, bea and ben; to be waited for before the first message. */
export async function makePeople(): Promise<void> {
  for (const name of ["alice@alpha.test", "bob@beta.test", "bea@beta.test", "ben@beta.test"]) {
    const created = after(NOW, -30 * DAY);
    const made = await generateKey({ address: address(name), profile: "compat", now: created });
    people.set(name, await readSecretKey(made.secretKey));
  }
}

export function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert(parsed !== undefined);
  return parsed;
}

export function person(name: string): UnlockedKey {
  const key = people.get(name);
  assert(key !== undefined);
  return key;
}

/** Known people are found; carol has no service; dave cannot be looked up. */
async function discover(wanted: EmailAddress): Promise<Discovery> {
  const evidence = { checkedAt: NOW };
  const key = people.get(formatAddress(wanted).toLowerCase());
  if (key !== undefined) {
    const { certificate } = key;
    return { kind: "found", code: "OK", source: "hkp", certificate, fetchedAt: NOW, evidence };
  }
  return Promise.resolve(
    wanted.local === "carol"
      ? { kind: "absent", code: "NOSVC", evidence }
      : { kind: "unreachable", code: "UNSURE-DNS", reason: "bogus", evidence },
  );
}

/** What differs from a login of alice under prefer-clear. */
export type Options = {
  readonly policy?: Policy;
  readonly rules?: ContactRules;
  readonly isSplit?: boolean;
  readonly part?: Part;
  readonly keys?: UnlockedKeys;
  readonly outcome?: (recipient: EmailAddress, attempt: number) => Outcome;
  readonly autocrypt?: "remove" | "replace";
  readonly legacyDisplay?: boolean;
  readonly isReplyToSealed?: boolean;
  /** The return path, for one that is not alice's address; "": the empty one. */
  readonly from?: string;
  readonly cameProtected?: (messageIds: readonly string[]) => boolean;
  /** Addresses that are somebody else's own. */
  readonly others?: readonly string[];
  /** Told of each address that is looked up. */
  readonly asked?: (address: string) => void;
};

/** A login of alice, where a test says nothing else. */
const USUAL = {
  policy: "prefer-clear",
  part: "full",
  rules: new Map<never, never>(),
  isSplit: false,
} satisfies Options;

/**
 * Submits as alice. Gives what became of it, the reply, what the next hop got, what was kept for later, and the policies
 * that decided.
 */
export async function send(message: string, to: readonly string[], options: Options = {}) {
  const { policy, part, rules, isSplit } = { ...USUAL, ...options };
  const relayed: Copy[] = [];
  const kept: Copy[] = [];
  const policies: string[] = [];
  const traced = traceOutgoing(() => undefined);
  const trace: typeof traced = {
    ...traced,
    planned: (planned) => {
      policies.push(planned.policy);
      traced.planned(planned);
    },
  };
  const outcome = options.outcome ?? (() => ({ kind: "accepted", text: "250 ok" }));
  const hostname = parseDomain("mail.alpha.test");
  assert(hostname !== undefined);
  const deps: SubmitDeps = {
    clock: { now: () => NOW },
    hostname,
    discover: async (wanted) => {
      options.asked?.(formatAddress(wanted));
      return discover(wanted);
    },
    isAddress: async (wanted) =>
      Promise.resolve(options.others?.includes(formatAddress(wanted)) === true),
    isUnknownHere: async ({ local, domain }) =>
      Promise.resolve(domain === "alpha.test" && local === "nobody"),
    seal,
    isSplit: isSplit,
    autocrypt: options.autocrypt ?? "remove",
    ...(options.legacyDisplay === undefined ? {} : { legacyDisplay: options.legacyDisplay }),
    trace,
    cameProtected: async (_reader, messageIds) =>
      Promise.resolve(options.cameProtected?.(messageIds) ?? options.isReplyToSealed === true),
    protectedName: async () => Promise.resolve(async () => Promise.resolve()),
    countInClear: () => undefined,
    handOn: handOnWith({
      trace,
      failed: (error) => {
        throw error;
      },
      relay: async (envelope, bytes) => {
        relayed.push({ envelope, message: bytes });
        const recipients = envelope.recipients.map((one) => ({
          address: one,
          outcome: outcome(one, relayed.length),
        }));
        return Promise.resolve({ recipients });
      },
      keep: async (_sender, _messageId, copies) => {
        kept.push(...copies);
        return Promise.resolve();
      },
    }),
  };
  const key = person("alice@alpha.test");
  const sender: Sender = {
    account: idOf(address("alice@alpha.test")),
    address: address("alice@alpha.test"),
    addresses: [address("alice@alpha.test"), address("al@alpha.test")],
    policy,
    parts: new Map([[address("alice@alpha.test").domain, part]]),
    policies: {
      domains: {},
      levels: { installation: policy },
      rules,
    },
    keys: options.keys ?? new UnlockedKeys([key], key.fingerprint, []),
    digest: undefined,
    generation: 1,
  };
  const from = options.from === "" ? undefined : address(options.from ?? "alice@alpha.test");
  const envelope = { from, recipients: to.map(address) };
  const bytes = Buffer.from(message.replaceAll("\n", "\r\n"));
  const submission = await submit(deps, sender, envelope, new Given(bytes));
  return {
    submission,
    reply: replyText(submissionReply(submission, { queueId: "q" })),
    relayed,
    kept,
    policies,
    deps,
    sender,
  };
}

export const CANARY = "CANARY-7f3a";
export const MESSAGE = `From: alice@alpha.test
To: bob@beta.test
Subject: ${CANARY}

${CANARY} in the body
`;

export function textOf(copies: readonly Copy[]): string {
  return copies.map(({ message }) => Buffer.from(message).toString("latin1")).join("\n");
}
