import assert from "node:assert/strict";
import { before, test } from "node:test";

import { MESSAGE, NOW, makePeople, send, textOf } from "../../test/support/submission.ts";
import { after, DAY, SECOND } from "../base/time.ts";

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
  for (const start of [" a continuation of nothing\n", "From a Mon\nFrom b Mon\n"]) {
    const { reply } = await send(`${start}${MESSAGE}`, CAROL);
    assert.match(reply, /^550 5\.6\.0/, start);
  }
});

test("the first line of a mailbox file is not of the message", async () => {
  for (const line of ["From alice Mon Nov 23 10:00:00 2026", ">From alice Mon Nov 23"]) {
    const { reply, relayed } = await send(`${line}\n${MESSAGE}`, CAROL);
    assert.match(reply, /^250/);
    assert(!/^>?From alice/m.test(textOf(relayed)));
  }
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

test("what answers nothing is no reply, whatever was received before", async () => {
  const { reply } = await send(MESSAGE, CAROL, { isReplyToSealed: true });
  assert.match(reply, /^250 .*NOT ENCRYPTED/);
});

test("of a long thread the fifty messages that stand last are asked about, each once, the answered one first", async () => {
  const asked: (readonly string[])[] = [];
  const cameProtected = (ids: readonly string[]) => {
    asked.push(ids);
    return false;
  };
  const thread = Array.from({ length: 60 }, (_, index) => ` <${String(index)}@x.test>\n`).join("");
  const fields = `References:\n${thread}In-Reply-To: <59@x.test>\n`;
  await send(`${fields}${MESSAGE}`, CAROL, { cameProtected });
  const expected = Array.from({ length: 50 }, (_, index) => `<${String(59 - index)}@x.test>`);
  assert.deepEqual(asked, [expected]);
});

test("a Date within a day stays as it is, one further off is replaced", async () => {
  const dateOf = (ms: number) => after(NOW, ms).toUTCString().replace("GMT", "+0000");
  for (const [ms, isKept] of [
    [-DAY, true],
    [DAY, true],
    [-DAY - SECOND, false],
    [DAY + SECOND, false],
  ] as const) {
    const { relayed } = await send(`Date: ${dateOf(ms)}\n${MESSAGE}`, CAROL);
    const dates = textOf(relayed).match(/^Date: .*(?=\r$)/gm);
    assert.deepEqual(dates, [`Date: ${dateOf(isKept ? ms : 0)}`]);
  }
});

test("a Message-ID that can be read stays, any other is replaced by one of ours", async () => {
  for (const [field, expected] of [
    ["Message-ID: <1@alpha.test>\n", /^<1@alpha\.test>$/],
    ["Message-ID: none\n", /^<[-0-9a-f]{36}@mail\.alpha\.test>$/],
    ["", /^<[-0-9a-f]{36}@mail\.alpha\.test>$/],
  ] as const) {
    const { relayed } = await send(`${field}${MESSAGE}`, CAROL);
    const [id, ...more] = textOf(relayed).match(/(?<=^Message-ID: ).*(?=\r$)/gm) ?? [];
    assert.match(id ?? "", expected);
    assert.deepEqual(more, []);
  }
});

test("where mail was delivered before, and results that only we may state, do not leave", async () => {
  const fields =
    "Return-Path: <x@x.test>\nE2E-Status: x\nX-Sealpost-Require: no\n" +
    "E2E-Receipt: v=1, rcpt=ben@beta.test; got=sealed;\n blind=yes\n" +
    "Authentication-Results: mail.alpha.test; none\nAuthentication-Results: other.test; none\n";
  const text = textOf((await send(`${fields}${MESSAGE}`, CAROL)).relayed);
  assert.doesNotMatch(text, /Return-Path|E2E|Sealpost|ben@beta|mail\.alpha\.test; none/);
  assert.match(text, /other\.test; none/);
});

test("a header that is too large is refused", async () => {
  const { reply, relayed } = await send(`${"X-A: b\n".repeat(2001)}${MESSAGE}`, CAROL);
  assert.match(reply, /^552 5\.3\.4 the header of the message is too large/);
  assert.deepEqual(relayed, []);
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
