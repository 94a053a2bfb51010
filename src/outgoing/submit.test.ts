import assert from "node:assert/strict";
import { before, test } from "node:test";
import { after, DAY, fromUnixMs } from "../base/time.ts";
import type { Discovery } from "../discovery/outcome.ts";
import { UnlockedKeys } from "../keys/unlocked-keys.ts";
import { formatAddress, parseAddress, parseDomain, type EmailAddress } from "../mail/address.ts";
import { decodedText, fieldsNamed, firstField, parseHeader } from "../mail/header.ts";
import { generateKey } from "../openpgp/generate.ts";
import { readSecretKey, type UnlockedKey } from "../openpgp/secret-key.ts";
import { open } from "../pgpmime/open.ts";
import { seal } from "../pgpmime/seal.ts";
import type { Policy } from "../policy/policy.ts";
import { replyText } from "../smtp/reply.ts";
import type { Outcome } from "../smtp/hop.ts";
import type { Copy } from "./copies.ts";
import { handOnWith } from "./hand-on.ts";
import { answerRecipient, submit, type Sender, type SubmitDeps } from "./submit.ts";
import { traceOutgoing } from "./tracing.ts";

const NOW = fromUnixMs(1_795_000_000_000);
const people = new Map<string, UnlockedKey>();

before(async () => {
  for (const name of ["alice@alpha.test", "bob@beta.test", "bea@beta.test", "ben@beta.test"]) {
    const created = after(NOW, -30 * DAY);
    const made = await generateKey({ address: address(name), profile: "compat", now: created });
    people.set(name, await readSecretKey(made.secretKey));
  }
});

function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert(parsed !== undefined);
  return parsed;
}

function person(name: string): UnlockedKey {
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

type Options = {
  readonly policy?: Policy;
  readonly keys?: UnlockedKeys;
  readonly outcome?: (recipient: EmailAddress, attempt: number) => Outcome;
  readonly isReplyToSealed?: boolean;
  readonly cameProtected?: (messageIds: readonly string[]) => boolean;
};

/** Submits as alice and gives back the reply, what the next hop got and what was kept for later. */
async function send(message: string, to: readonly string[], options: Options = {}) {
  const relayed: Copy[] = [];
  const kept: Copy[] = [];
  const trace = traceOutgoing(async () => Promise.resolve());
  const outcome = options.outcome ?? (() => ({ kind: "accepted", text: "250 ok" }));
  const hostname = parseDomain("mail.alpha.test");
  assert(hostname !== undefined);
  const deps: SubmitDeps = {
    clock: { now: () => NOW },
    hostname,
    discover,
    seal,
    trace,
    cameProtected: async (_reader, messageIds) =>
      Promise.resolve(options.cameProtected?.(messageIds) ?? options.isReplyToSealed === true),
    handOn: handOnWith({
      trace,
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
    address: address("alice@alpha.test"),
    addresses: [address("alice@alpha.test")],
    policy: options.policy ?? "prefer-clear",
    keys: options.keys ?? new UnlockedKeys([key], key.fingerprint, []),
    generation: 1,
  };
  const envelope = { from: sender.address, recipients: to.map(address) };
  const reply = await submit(deps, sender, envelope, Buffer.from(message.replaceAll("\n", "\r\n")));
  return { reply: replyText(reply), relayed, kept, deps, sender };
}

const CANARY = "CANARY-7f3a";
const MESSAGE = `From: alice@alpha.test
To: bob@beta.test
Subject: ${CANARY}

${CANARY} in the body
`;

function textOf(copies: readonly Copy[]): string {
  return copies.map(({ message }) => Buffer.from(message).toString("latin1")).join("\n");
}

test("what is sealed holds nothing of subject or body, and says so in the reply", async () => {
  const { reply, relayed } = await send(MESSAGE, ["bob@beta.test"]);
  assert.match(reply, /^250 2\.0\.0 queued as \w+ \(e2e: 1 encrypted\)$/);
  assert.equal(relayed.length, 1);
  assert(!textOf(relayed).includes(CANARY));
  assert.match(textOf(relayed), /^Subject: \[\.\.\.\]\r$/m);
});

test("a missing Date and Message-ID are added, inside and outside", async () => {
  const { relayed } = await send(MESSAGE, ["bob@beta.test"]);
  const [copy] = relayed;
  assert(copy !== undefined);
  const opened = await open({ message: copy.message, keys: [person("bob@beta.test")] });
  assert.equal(opened.kind, "opened");
  for (const header of [parseHeader(copy.message).header, opened.protectedHeader]) {
    assert.equal(fieldsNamed(header, "Date").length, 1);
    assert.equal(fieldsNamed(header, "Message-ID").length, 1);
  }
});

test("a Date more than a day off is replaced", async () => {
  const old = `Date: Mon, 01 Jan 2001 00:00:00 +0000\n${MESSAGE}`;
  const { relayed } = await send(old, ["bob@beta.test"]);
  const field = firstField(parseHeader(relayed[0]?.message ?? new Uint8Array()).header, "Date");
  assert(field !== undefined);
  assert.equal(decodedText(field), NOW.toUTCString().replace("GMT", "+0000"));
});

test("the sender can open the copy for the named recipients", async () => {
  const { relayed } = await send(MESSAGE, ["bob@beta.test"]);
  const own = await open({
    message: relayed[0]?.message ?? new Uint8Array(),
    keys: [person("alice@alpha.test")],
  });
  assert.equal(own.kind, "opened");
});

test("a blind recipient leaves no trace in the copy of the named ones", async () => {
  const withBcc = MESSAGE.replace("Subject", "Bcc: bea@beta.test\nSubject");
  const { relayed, kept } = await send(withBcc, ["bob@beta.test", "bea@beta.test"]);
  assert.deepEqual(
    relayed.map(({ envelope }) => envelope.recipients.map(formatAddress)),
    [["bob@beta.test"]],
  );
  assert.deepEqual(
    kept.map(({ envelope }) => envelope.recipients.map(formatAddress)),
    [["bea@beta.test"]],
  );
  const outside = parseHeader(relayed[0]?.message ?? new Uint8Array()).header;
  assert.equal(firstField(outside, "Bcc"), undefined);
  assert(!textOf(relayed).includes("bea@"));
  const bea = person("bea@beta.test");
  const named = await open({ message: relayed[0]?.message ?? new Uint8Array(), keys: [bea] });
  assert.equal(named.kind, "no-key");
  const blind = await open({ message: kept[0]?.message ?? new Uint8Array(), keys: [bea] });
  assert.equal(blind.kind, "opened");
  assert.equal(firstField(parseHeader(blind.payload).header, "Bcc"), undefined);
  const opened = await open({
    message: relayed[0]?.message ?? new Uint8Array(),
    keys: [person("bob@beta.test")],
  });
  assert.equal(opened.kind, "opened");
  assert(!opened.signatures.some(({ intended }) => intended.includes(bea.fingerprint)));
});

test("under prefer-clear one recipient without a key makes the whole message clear, and the reply says whom", async () => {
  const { reply, relayed } = await send(MESSAGE, ["bob@beta.test", "carol@legacy.test"]);
  assert.match(reply, /^250 .*2 NOT ENCRYPTED: <carol@legacy\.test> has no published/);
  assert(textOf(relayed).includes(CANARY));
});

test("an uncertain recipient holds the whole message back", async () => {
  const { reply, relayed } = await send(MESSAGE, ["bob@beta.test", "dave@bogus.test"]);
  assert.match(reply, /^450 4\.7\.5 <dave@bogus\.test>/);
  assert.deepEqual(relayed, []);
});

test("X-Sealpost-Require refuses what cannot be sealed and is removed from what can", async () => {
  const wanted = `X-Sealpost-Require: yes\n${MESSAGE}`;
  const refused = await send(wanted, ["carol@legacy.test"]);
  assert.match(refused.reply, /^550 5\.7\.5 <carol@legacy\.test>/);
  assert.deepEqual(refused.relayed, []);
  const sealed = await send(wanted, ["bob@beta.test"]);
  assert(!/x-sealpost/i.test(textOf(sealed.relayed)));
});

test("an answer to a sealed message is never clear", async () => {
  const answer = `In-Reply-To: <9@beta.test>\n${MESSAGE}`;
  const { reply } = await send(answer, ["carol@legacy.test"], { isReplyToSealed: true });
  assert.match(reply, /^550 5\.7\.5/);
});

test("what is answered is asked about however long its thread is, and whichever field names it", async () => {
  const thread = Array.from({ length: 60 }, (_, index) => ` <${String(index)}@beta.test>\n`).join(
    "",
  );
  for (const fields of [
    `In-Reply-To: <9@beta.test>\nReferences:\n${thread}`,
    `References:\n${thread} <9@beta.test>\nIn-Reply-To: <9@beta.test>\n`,
    "In-Reply-To: <1@beta.test>\nIn-Reply-To: <9@beta.test>\n",
  ]) {
    const { reply } = await send(`${fields}${MESSAGE}`, ["carol@legacy.test"], {
      cameProtected: (ids) => ids.includes("<9@beta.test>"),
    });
    assert.match(reply, /^550 5\.7\.5/);
  }
});

test("a second X-Sealpost-Require does not take the first one back, nor the first the second", async () => {
  const twice = `X-Sealpost-Require: no\nX-Sealpost-Require: yes\n${MESSAGE}`;
  const { reply, relayed } = await send(twice, ["carol@legacy.test"]);
  assert.match(reply, /^550 5\.7\.5/);
  assert.deepEqual(relayed, []);
});

test("what Outlook calls the subject a second time stays inside too", async () => {
  const { relayed } = await send(`Thread-Topic: ${CANARY}\n${MESSAGE}`, ["bob@beta.test"]);
  assert(!textOf(relayed).includes(CANARY));
});

for (const [text, expected] of [
  ["5.3.4 the message is too large for the next mail server", /^552 5\.3\.4 /],
  ["5.6.7 the next mail server takes no non-ASCII addresses", /^553 5\.6\.7 /],
] as const) {
  test(`the next hop's "${text}" has a code of its own`, async () => {
    const { reply } = await send(MESSAGE, ["bob@beta.test"], {
      outcome: () => ({ kind: "refused", code: 0, text, temporary: false }),
    });
    assert.match(reply, expected);
  });
}

test("under require a recipient is answered at RCPT", async () => {
  const { deps, sender } = await send(MESSAGE, ["bob@beta.test"], { policy: "require" });
  const rcpt = async (text: string) => {
    const answer = await answerRecipient(deps, sender, address(text));
    return answer === "ok" ? answer : replyText(answer);
  };
  assert.equal(await rcpt("bob@beta.test"), "ok");
  assert.match(
    await rcpt("carol@legacy.test"),
    /^550 5\.7\.5 <carol@legacy\.test> has no published/,
  );
  assert.match(await rcpt("dave@bogus.test"), /^450 4\.7\.5 <dave@bogus\.test>/);
});

test("beyond what one message can be sealed for the client is told to send again, at RCPT", async () => {
  for (const [policy, expected] of [
    ["prefer-clear", /^452 4\.5\.3 /],
    ["off", /^ok$/],
  ] as const) {
    const { deps, sender } = await send(MESSAGE, ["bob@beta.test"], { policy });
    assert.equal(await answerRecipient(deps, sender, address("bob@beta.test"), 62), "ok");
    const answer = await answerRecipient(deps, sender, address("bob@beta.test"), 63);
    assert.match(answer === "ok" ? answer : replyText(answer), expected);
  }
});

test("without an open key nothing is sent, unless the policy is off", async () => {
  const keys = UnlockedKeys.none();
  for (const policy of ["require", "prefer-clear"] as const) {
    const { reply, relayed } = await send(MESSAGE, ["carol@legacy.test"], { keys, policy });
    assert.match(reply, /^554 5\.7\.5/);
    assert.deepEqual(relayed, []);
  }
  assert.match((await send(MESSAGE, ["bob@beta.test"], { keys, policy: "off" })).reply, /^250/);
});

const foreign: readonly (readonly [string, string])[] = [
  ["somebody else's From", MESSAGE.replace("From: alice", "From: bob")],
  ["two From fields", `From: alice@alpha.test\n${MESSAGE}`],
  [
    "two authors",
    MESSAGE.replace("From: alice@alpha.test", "From: alice@alpha.test, b@alpha.test"),
  ],
  ["no From", MESSAGE.replace(/^From.*\n/, "")],
];
for (const [what, message] of foreign) {
  test(`a message with ${what} is refused`, async () => {
    const { reply, relayed } = await send(message, ["bob@beta.test"]);
    assert.match(reply, /^550 5\./);
    assert.deepEqual(relayed, []);
  });
}

test("a message that the client encrypted passes byte for byte", async () => {
  const first = await send(MESSAGE, ["bob@beta.test"]);
  const sealed = Buffer.from(first.relayed[0]?.message ?? new Uint8Array()).toString("latin1");
  const again = await send(sealed.replaceAll("\r\n", "\n"), ["carol@legacy.test"], {
    policy: "require",
  });
  assert.match(again.reply, /already protected/);
  const body = (text: string): string => text.slice(text.indexOf("\r\n\r\n"));
  assert.equal(body(textOf(again.relayed)), body(sealed));
});

test("clear text in the clothes of an encrypted message is not passed on", async () => {
  const sealed = (await send(MESSAGE, ["bob@beta.test"])).relayed;
  const disguised = textOf(sealed)
    .replaceAll("\r\n", "\n")
    .replace(/-----BEGIN[\s\S]*-----END PGP MESSAGE-----/, "just clear text");
  const { relayed, reply } = await send(disguised, ["carol@legacy.test"], { policy: "require" });
  assert.match(reply, /^550/);
  assert.deepEqual(relayed, []);
});

test("clear text under the name of S/MIME is not passed on, ciphertext is", async () => {
  const smime = (body: string): string =>
    MESSAGE.replace(
      /\n\n[\s\S]*/,
      "\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\n" +
        `Content-Transfer-Encoding: base64\n\n${body}\n`,
    );
  const clear = Buffer.from("just clear text").toString("base64");
  const refused = await send(smime(clear), ["carol@legacy.test"], { policy: "require" });
  assert.match(refused.reply, /^550/);
  assert.deepEqual(refused.relayed, []);
  const cms = Buffer.from("308006092a864886f70d010703a0803080", "hex").toString("base64");
  const passed = await send(smime(cms), ["carol@legacy.test"], { policy: "require" });
  assert.match(passed.reply, /already protected/);
});

test("a large message to very many blind recipients is refused before anything leaves", async () => {
  const many = Array.from({ length: 100 }, (_, index) => `bea+${String(index)}@beta.test`);
  for (const name of many) people.set(name, person("bea@beta.test"));
  const large = `${MESSAGE}${`${"x".repeat(900)}\n`.repeat(3_300)}`;
  const { reply, relayed } = await send(large, many);
  assert.match(reply, /^550 5\.6\.0 too many blind recipients/);
  assert.deepEqual(relayed, []);
});

test("a message that cannot be sealed as it is, is refused with the reason", async () => {
  const twice = MESSAGE.replace("Subject", "Subject: one\nSubject");
  const { reply, relayed } = await send(twice, ["bob@beta.test"]);
  assert.match(reply, /^550 5\.6\.0 the message has more than one subject field; not sent$/);
  assert.deepEqual(relayed, []);
});

test("a line that is no field ends the header, and nothing of the message is lost", async () => {
  const broken = "From: alice@alpha.test\nTo: bob@beta.test\nno field at all\nX: y\n\nrest\n";
  const { relayed } = await send(broken, ["bob@beta.test"]);
  const opened = await open({
    message: relayed[0]?.message ?? new Uint8Array(),
    keys: [person("bob@beta.test")],
  });
  assert.equal(opened.kind, "opened");
  const { bodyOffset } = parseHeader(opened.payload);
  assert.equal(
    Buffer.from(opened.payload.subarray(bodyOffset)).toString(),
    "no field at all\r\nX: y\r\n\r\nrest\r\n",
  );
});

test("a refusal of the next hop is the client's answer, and nothing is kept", async () => {
  const { reply, kept } = await send(MESSAGE, ["bob@beta.test"], {
    outcome: () => ({ kind: "refused", code: 550, text: "5.1.1 no such user", temporary: false }),
  });
  assert.match(reply, /^550 5\.0\.0 <bob@beta\.test> 5\.1\.1 no such user$/);
  assert.deepEqual(kept, []);
});

test("when one of two recipients was taken, the other waits and the client hears 250", async () => {
  const { reply, kept } = await send(
    MESSAGE.replace("To: bob@beta.test", "To: bob@beta.test, ben@beta.test"),
    ["bob@beta.test", "ben@beta.test"],
    {
      outcome: ({ local }) =>
        local === "bob"
          ? { kind: "accepted", text: "250 ok" }
          : { kind: "refused", code: 452, text: "4.2.2 full", temporary: true },
    },
  );
  assert.match(reply, /^250/);
  assert.deepEqual(
    kept.map(({ envelope }) => envelope.recipients.map(formatAddress)),
    [["ben@beta.test"]],
  );
});
