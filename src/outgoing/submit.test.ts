import assert from "node:assert/strict";
import { before, test } from "node:test";
import {
  CANARY,
  MESSAGE,
  NOW,
  address,
  makePeople,
  people,
  person,
  send,
  textOf,
} from "../../test/support/submission.ts";
import { UnlockedKeys } from "../keys/unlocked-keys.ts";
import { formatAddress } from "../mail/address.ts";
import { decodedText, fieldBody, fieldsNamed, firstField, parseHeader } from "../mail/header.ts";
import { open } from "../pgpmime/open.ts";
import { readProtectedHeader } from "../pgpmime/payload-header.ts";
import { replyText } from "../smtp/reply.ts";
import { answerRecipient, submit } from "./submit.ts";

before(makePeople);

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
  for (const { header } of [parseHeader(copy.message), parseHeader(opened.payload)]) {
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
  const bcc = fieldsNamed(parseHeader(blind.payload).header, "Bcc").map(decodedText);
  assert.deepEqual(bcc, ["bea@beta.test"]);
  assert.deepEqual(
    blind.signatures.map(({ intended }) => intended),
    [[bea.fingerprint]],
  );
  assert(!textOf(kept).includes("bea@"), "outside");
  for (const name of ["bob@beta.test", "alice@alpha.test"]) {
    const other = await open({
      message: kept[0]?.message ?? new Uint8Array(),
      keys: [person(name)],
    });
    assert.equal(other.kind, "no-key", name);
  }
  const opened = await open({
    message: relayed[0]?.message ?? new Uint8Array(),
    keys: [person("bob@beta.test")],
  });
  assert.equal(opened.kind, "opened");
  assert(!opened.signatures.some(({ intended }) => intended.includes(bea.fingerprint)));
  assert(!Buffer.from(opened.payload).includes("bea@"));
});

test("when all recipients are blind, each copy names its reader alone, and the sender can open it", async () => {
  const to = ["bob@beta.test", "bea@beta.test"];
  const message = MESSAGE.replace("To: bob@beta.test", "To: undisclosed-recipients:;");
  const { relayed, kept } = await send(message, to);
  const copies = [...relayed, ...kept];
  assert.equal(copies.length, 2);
  for (const { envelope, message: copy } of copies) {
    const [reader, ...others] = envelope.recipients.map(formatAddress);
    assert(reader !== undefined && others.length === 0);
    const keys = [person(reader), person("alice@alpha.test")];
    for (const key of keys) {
      const opened = await open({ message: copy, keys: [key] });
      assert.equal(opened.kind, "opened");
      const { header } = parseHeader(opened.payload);
      assert.deepEqual(fieldsNamed(header, "Bcc").map(decodedText), [reader]);
      assert.deepEqual(
        opened.signatures.map(({ intended }) => intended),
        [[person(reader).fingerprint]],
      );
    }
    const stranger = to.find((one) => one !== reader) ?? "";
    assert.equal((await open({ message: copy, keys: [person(stranger)] })).kind, "no-key");
  }
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

for (const [obstacle, expected] of [
  ["size", /^552 5\.3\.4 /],
  ["smtputf8", /^553 5\.6\.7 /],
] as const) {
  test(`what our side knows of the next hop has a code of its own: ${obstacle}`, async () => {
    const { reply } = await send(MESSAGE, ["bob@beta.test"], {
      outcome: () => ({ kind: "refused", code: 0, obstacle, text: "words", temporary: false }),
    });
    assert.match(reply, expected);
  });
}

test("the words of the next hop choose no code, its code does", async () => {
  for (const [code, text, expected] of [
    [550, "5.3.4 a lie about the size", /^550 5\.0\.0 .* 5\.3\.4 a lie/],
    [554, "5.6.7 a lie about the address", /^554 5\.0\.0 /],
    [552, "5.2.2 the mailbox is full", /^552 5\.0\.0 /],
    [521, "5.3.4 not here", /^550 5\.0\.0 /],
  ] as const) {
    const { reply } = await send(MESSAGE, ["bob@beta.test"], {
      outcome: () => ({ kind: "refused", code, text, temporary: false }),
    });
    assert.match(reply, expected);
  }
});

test("whoever has no open keys is told why, and where former passwords are asked for", async () => {
  const unlockPage = "https://mail.alpha.test/unlock";
  for (const [closed, page, expected] of [
    [
      "password-changed",
      unlockPage,
      /^554 5\.7\.5 .*since your password changed.*alpha\.test\/unlock; not/,
    ],
    ["password-changed", undefined, /^554 5\.7\.5 .*former password or recovery code through your/],
    ["on-device", unlockPage, /^554 5\.7\.5 your key is on your own device/],
    [undefined, unlockPage, /^554 5\.7\.5 your encryption key is not usable/],
  ] as const) {
    const { deps, sender } = await send(MESSAGE, ["bob@beta.test"]);
    const envelope = { from: sender.address, recipients: [address("bob@beta.test")] };
    const reply = await submit(
      { ...deps, unlockPage: page },
      { ...sender, keys: UnlockedKeys.none(), closed },
      envelope,
      Buffer.from(MESSAGE.replaceAll("\n", "\r\n")),
    );
    assert.match(replyText(reply), expected);
  }
});

test("under require a recipient is answered at RCPT", async () => {
  const { deps, sender } = await send(MESSAGE, ["bob@beta.test"], { policy: "require" });
  const rcpt = async (text: string) => {
    const answer = await answerRecipient(deps, sender, address(text), 0);
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

test("a return path that is not the sender's own is refused, whatever the message would come to", async () => {
  for (const to of ["bob@beta.test", "carol@legacy.test"]) {
    const { reply, relayed } = await send(MESSAGE, [to], { from: "bob@beta.test" });
    assert.match(reply, /^550 5\.7\.1 the sender address \(MAIL FROM\) is not one of yours/);
    assert.deepEqual(relayed, []);
  }
  for (const from of ["alice@alpha.test", "al@alpha.test", ""]) {
    const { reply } = await send(MESSAGE, ["bob@beta.test"], { from });
    assert.match(reply, /^250 /);
  }
});

test("each of the sender's addresses may be the author", async () => {
  const { reply } = await send(MESSAGE.replace("alice@", "al@"), ["bob@beta.test"]);
  assert.match(reply, /^250 .*1 encrypted/);
});

test("trouble while handing on is no fault of the message", async () => {
  const outcome = () => {
    throw new Error("out of order");
  };
  await assert.rejects(send(MESSAGE, ["bob@beta.test"], { outcome }), /out of order/);
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

test("recipients who share a certificate count once when the client's keys are counted", async () => {
  for (const name of ["bea+1@beta.test", "bea+2@beta.test"])
    people.set(name, person("bea@beta.test"));
  const first = await send(MESSAGE, ["bea@beta.test"]);
  const sealed = textOf(first.relayed).replaceAll("\r\n", "\n");
  // Bea's key and the sender's are two.
  for (const [to, expected] of [
    [["bea@beta.test", "bea+1@beta.test", "bea+2@beta.test"], /already protected/],
    [["bea@beta.test", "bea+1@beta.test", "bob@beta.test"], /already protected/],
    [["bea@beta.test", "bob@beta.test", "ben@beta.test"], /^550|1 encrypted|3 encrypted/],
  ] as const) {
    assert.match((await send(sealed, to, { policy: "require" })).reply, expected);
  }
});

test("nobody is looked up whose answer cannot change anything", async () => {
  const first = await send(MESSAGE, ["bob@beta.test"]);
  const sealed = textOf(first.relayed).replaceAll("\r\n", "\n");
  const asked: string[] = [];
  const options = { asked: (who: string) => asked.push(who) };
  const { deps, sender } = await send(sealed, ["bob@beta.test", "carol@legacy.test"], options);
  assert.equal(await answerRecipient(deps, sender, address("dave@bogus.test"), 0), "ok");
  assert.deepEqual(asked, []);
});

test("the trace says under which policy a message was decided", async () => {
  const wanted = await send(`X-Sealpost-Require: yes\n${MESSAGE}`, ["bob@beta.test"]);
  assert.deepEqual(wanted.policies, ["require"]);
  assert.deepEqual((await send(MESSAGE, ["bob@beta.test"])).policies, ["prefer-clear"]);
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

test("a header that readers would read in two ways is written in one before it is signed", async () => {
  const odd = MESSAGE.replace(
    "Subject:",
    "To: bea@beta.test\nX-Mailer : old\nX-Note: a\n \n b\nReferences: <1@x.test>\nReferences: <2@x.test>\nSubject:",
  );
  const { relayed } = await send(odd, ["bob@beta.test", "bea@beta.test"]);
  const [copy] = relayed;
  assert(copy !== undefined);
  const opened = await open({ message: copy.message, keys: [person("bob@beta.test")] });
  assert.equal(opened.kind, "opened");
  const read = readProtectedHeader(opened.payload);
  assert.equal(read.kind, "cipher");
  const bodies = ["To", "References", "X-Mailer"].map((name) => {
    const [field, ...more] = fieldsNamed(read.fields, name);
    assert(field !== undefined && more.length === 0, name);
    return fieldBody(field);
  });
  assert.deepEqual(bodies, ["bob@beta.test, bea@beta.test", "<1@x.test> <2@x.test>", "old"]);
});

test("an installation that switches the legacy display off seals the text as it was written", async () => {
  for (const legacyDisplay of [true, false]) {
    const { relayed } = await send(MESSAGE, ["bob@beta.test"], { legacyDisplay });
    const message = relayed[0]?.message ?? new Uint8Array();
    const opened = await open({ message, keys: [person("bob@beta.test")] });
    assert(opened.kind === "opened");
    const { bodyOffset } = parseHeader(opened.payload);
    const body = Buffer.from(opened.payload.subarray(bodyOffset)).toString();
    assert.equal(body.startsWith(`Subject: ${CANARY}`), legacyDisplay);
  }
});
