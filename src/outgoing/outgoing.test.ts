import assert from "node:assert/strict";
import { before, test } from "node:test";

import { replyText } from "../../test/support/reply-text.ts";
import {
  CANARY,
  MESSAGE,
  NOW,
  address,
  makePeople,
  person,
  send,
  textOf,
} from "../../test/support/submission.ts";
import { submissionReply, recipientReply } from "../app/submission-replies.ts";
import { Given } from "../base/given.ts";
import { decodedText, fieldBody, fieldsNamed, firstField, parseHeader } from "../mail/header.ts";
import { readProtectedHeader } from "../pgpmime/payload-header.ts";
import { open } from "../pgpmime/pgpmime.ts";
import { UnlockedKeys } from "../vault/unlocked-keys.ts";
import { answerRecipient, submit } from "./outgoing.ts";

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

test("what Outlook calls the subject a second time stays inside too", async () => {
  const { relayed } = await send(`Thread-Topic: ${CANARY}\n${MESSAGE}`, ["bob@beta.test"]);
  assert(!textOf(relayed).includes(CANARY));
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
    const submission = await submit(
      deps,
      { ...sender, keys: UnlockedKeys.none(), closed },
      envelope,
      new Given(Buffer.from(MESSAGE.replaceAll("\n", "\r\n"))),
    );
    const reply = submissionReply(submission, { queueId: "q", unlockPage: page });
    assert.match(replyText(reply), expected);
  }
});

test("under require a recipient is answered at RCPT", async () => {
  const { deps, sender } = await send(MESSAGE, ["bob@beta.test"], { policy: "require" });
  const rcpt = async (text: string) => {
    const answer = recipientReply(await answerRecipient(deps, sender, address(text), 0));
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
    const rcpt = async (accepted: number) =>
      recipientReply(await answerRecipient(deps, sender, address("bob@beta.test"), accepted));
    assert.equal(await rcpt(62), "ok");
    const answer = await rcpt(63);
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

test("nobody is looked up whose answer cannot change anything", async () => {
  const first = await send(MESSAGE, ["bob@beta.test"]);
  const sealed = textOf(first.relayed).replaceAll("\r\n", "\n");
  const asked: string[] = [];
  const options = { asked: (who: string) => asked.push(who) };
  const { deps, sender } = await send(sealed, ["bob@beta.test", "carol@legacy.test"], options);
  const answer = await answerRecipient(deps, sender, address("dave@bogus.test"), 0);
  assert.equal(answer.kind, "accepted");
  assert.deepEqual(asked, []);
});

test("the trace says under which policy a message was decided", async () => {
  const wanted = await send(`X-Sealpost-Require: yes\n${MESSAGE}`, ["bob@beta.test"]);
  assert.deepEqual(wanted.policies, ["require"]);
  assert.deepEqual((await send(MESSAGE, ["bob@beta.test"])).policies, ["prefer-clear"]);
});

test("a message that cannot be sealed as it is, is refused with the reason", async () => {
  const twice = MESSAGE.replace("Subject", "Subject: one\nSubject");
  const { reply, relayed } = await send(twice, ["bob@beta.test"]);
  assert.match(reply, /^550 5\.6\.0 the message has more than one subject field; not sent$/);
  assert.deepEqual(relayed, []);
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

test("a message for nobody is refused, and so is one that no policy lets leave, with that policy as the reason", async () => {
  assert.match((await send(MESSAGE, [])).reply, /^554 5\.5\.1 no recipients$/);
  const { reply } = await send(MESSAGE, ["carol@legacy.test"], { policy: "prefer-pickup" });
  assert.match(reply, /^550 5\.7\.5 .*\(your policy requires encryption\)$/);
});
