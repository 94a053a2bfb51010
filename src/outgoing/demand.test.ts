import assert from "node:assert/strict";
import { before, test } from "node:test";

import {
  MESSAGE,
  makePeople,
  people,
  person,
  send,
  textOf,
} from "../../test/support/submission.ts";

before(makePeople);

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

test("clear text in the clothes of an encrypted message is not passed on", async () => {
  const sealed = (await send(MESSAGE, ["bob@beta.test"])).relayed;
  const disguised = textOf(sealed)
    .replaceAll("\r\n", "\n")
    .replace(/-----BEGIN[\s\S]*-----END PGP MESSAGE-----/, "just clear text");
  const { relayed, reply } = await send(disguised, ["carol@legacy.test"], { policy: "require" });
  assert.match(reply, /^550/);
  assert.deepEqual(relayed, []);
});
