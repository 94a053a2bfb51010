import assert from "node:assert/strict";
import { before, test } from "node:test";

import { MESSAGE, makePeople, send, textOf } from "../../test/support/submission.ts";

before(makePeople);

const CAROL = ["carol@legacy.test"];

test("X-Sealpost-Require means yes, whatever it says but no", async () => {
  for (const value of [
    "yes",
    "true",
    "1",
    '"yes"',
    "YES",
    "on",
    "",
    "no?",
    "no (yes)",
    "=?utf-8?q?no?=",
  ]) {
    const { reply, relayed } = await send(`X-Sealpost-Require: ${value}\n${MESSAGE}`, CAROL);
    assert.match(reply, /^550 5\.7\.5 .*the message asks for encryption/, value);
    assert.deepEqual(relayed, []);
  }
  for (const value of ["no", "No", " NO "]) {
    const { reply } = await send(`X-Sealpost-Require: ${value}\n${MESSAGE}`, CAROL);
    assert.match(reply, /^250 .*NOT ENCRYPTED/, value);
  }
});

test("a line in the header that is neither a field nor a continuation is refused", async () => {
  for (const line of [
    "no field at all",
    "X Sealpost: yes",
    ":",
    ": x",
    "Sübject: x",
    ">From bob Mon",
    "From bob Mon",
    "-----",
    "X: a\rX-Sealpost-Require: yes",
    "X: a\0b",
  ]) {
    const message = MESSAGE.replace("Subject", `${line}\nX-Sealpost-Require: yes\nSubject`);
    for (const to of [CAROL, ["bob@beta.test"]]) {
      const { reply, relayed } = await send(message, to);
      assert.match(reply, /^550 5\.6\.0 a line in the header/, line);
      assert.deepEqual(relayed, []);
    }
  }
  const { reply } = await send(` a continuation of nothing\n${MESSAGE}`, CAROL);
  assert.match(reply, /^550 5\.6\.0/);
});

test("the first line of a mailbox file is not of the message", async () => {
  const { reply, relayed } = await send(`From alice Mon Nov 23 10:00:00 2026\n${MESSAGE}`, CAROL);
  assert.match(reply, /^250/);
  assert(!/^From alice/m.test(textOf(relayed)));
});

test("no blind recipient is named in mail that leaves in clear", async () => {
  const named = "Bcc: bea@beta.test\nResent-Bcc: ben@beta.test\nBCC : bea@beta.test\n";
  const folded = "Bcc: carol@legacy.test,\n bea@beta.test\n";
  for (const fields of [named, folded]) {
    const { reply, relayed } = await send(`${fields}${MESSAGE}`, [...CAROL, "bea@beta.test"]);
    assert.match(reply, /NOT ENCRYPTED/);
    assert.equal(relayed.length, 1);
    assert(!/bcc|bea@|ben@/i.test(textOf(relayed)));
  }
});

test("an answer whose In-Reply-To or References cannot be read does not leave in clear", async () => {
  for (const fields of [
    "In-Reply-To: 12345\n",
    "In-Reply-To:\n",
    "References: <>\n",
    "References: <a b@beta.test>\n",
    "In-Reply-To: <9@beta.test\n",
    "In-Reply-To: <9@beta.test> <10@beta.test\n",
    "In-Reply-To: 9@beta.test\n",
    "In-Reply-To: <9@beta.test>\nReferences: x\n",
  ]) {
    const { reply, relayed } = await send(`${fields}${MESSAGE}`, CAROL);
    assert.match(reply, /^550 5\.7\.5 .*In-Reply-To or References do not name/, fields);
    assert.deepEqual(relayed, []);
    const sealed = await send(`${fields}${MESSAGE}`, ["bob@beta.test"]);
    assert.match(sealed.reply, /1 encrypted/);
  }
});

test("a message without these fields, and one that answers clear mail, leaves as the policy says", async () => {
  for (const fields of [
    "",
    "In-Reply-To: <9@legacy.test>\n",
    "In-Reply-To: your message of Monday <9@legacy.test>\n",
    "References: <1@legacy.test> <2@legacy.test>\n <3@legacy.test>\n",
  ]) {
    assert.match((await send(`${fields}${MESSAGE}`, CAROL)).reply, /^250 .*NOT ENCRYPTED/, fields);
  }
});

test("a refusal names its real reason", async () => {
  const answer = `In-Reply-To: <9@beta.test>\n${MESSAGE}`;
  const isReplyToSealed = true;
  const replied = await send(answer, CAROL, { isReplyToSealed });
  assert.match(replied.reply, /not sent \(it answers a message that came encrypted\)$/);
  const policy = "require";
  const ruled = await send(answer, CAROL, { isReplyToSealed, policy });
  assert.match(ruled.reply, /not sent \(your policy requires encryption\)$/);
});
