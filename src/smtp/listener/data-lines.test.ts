import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { RawSmtp } from "../../../test/support/raw-smtp.ts";
import { listen } from "../../../test/support/test-listener.ts";
import { DataLines } from "./data-lines.ts";

/** What the lines of a message come to, however they are cut; undefined as rest before the end. */
function readIn(pieces: readonly Buffer[]): { text: string; rest: string | undefined } {
  const lines = new DataLines();
  let text = "";
  for (const [index, piece] of pieces.entries()) {
    const step = lines.read(piece);
    text += Buffer.concat(step.text).toString("latin1");
    if (step.rest === undefined) continue;
    const behind = Buffer.concat([step.rest, ...pieces.slice(index + 1)]);
    return { text, rest: behind.toString("latin1") };
  }
  return { text, rest: undefined };
}

const whole = (sent: string) => readIn([Buffer.from(sent, "latin1")]);

for (const [sent, text] of [
  [".a\r\nb\r\n.\r\n", "a\r\nb\r\n"],
  ["a\r\n.b\r\n..\r\n...\r\n.\r\n", "a\r\nb\r\n.\r\n..\r\n"],
  [".\r\n", ""],
  ["..\r\n.\r\n", ".\r\n"],
  ["a.\r\nb.c\r\n.\r\n", "a.\r\nb.c\r\n"],
  [".\rx\r\n.\r\n", "\rx\r\n"],
  [".\n.\r\n.\r\n", "\n.\r\n"],
] as const) {
  test(`DATA ${JSON.stringify(sent)} is the message ${JSON.stringify(text)}`, () => {
    assert.deepEqual(whole(`${sent}NOOP\r\n`), { text, rest: "NOOP\r\n" });
  });
}

test("a message is the same however it is cut, and comes back as it was stuffed (RFC 5321 §4.5.2)", () => {
  const octets = fc.array(fc.constantFrom("\r", "\n", ".", "a", "\r\n", "\r\n."), {
    maxLength: 24,
  });
  fc.assert(
    fc.property(octets, fc.array(fc.nat({ max: 30 }), { maxLength: 8 }), (given, cuts) => {
      const text = `${given.join("")}\r\n`;
      const sent = `${`\r\n${text}`.replaceAll("\r\n.", "\r\n..").slice(2)}.\r\nNOOP\r\n`;
      const bytes = Buffer.from(sent, "latin1");
      const sorted = [0, ...cuts.toSorted((a, b) => a - b), bytes.length];
      const pieces = sorted.slice(1).map((end, index) => bytes.subarray(sorted[index], end));
      assert.deepEqual(readIn(pieces), { text, rest: "NOOP\r\n" });
    }),
  );
});

test("a line of DATA that begins with one period loses it, in one packet with its commands too", async () => {
  await using listener = await listen("mx");
  await using client = await RawSmtp.connect(listener);
  await client.all(["EHLO c.test", "MAIL FROM:<a@x.test>", "RCPT TO:<bob@alpha.test>", "DATA"]);
  client.write(".a\r\nb\r\n.\r\n");
  assert.match(await client.reply(), /^250 2\.0\.0/);
  await client.all(["MAIL FROM:<a@x.test>", "RCPT TO:<bob@alpha.test>"]);
  client.write("DATA\r\n.Subject: x\r\n\r\n.y\r\n..\r\n.\r\nNOOP\r\n");
  assert.match(await client.reply(), /^354/);
  assert.match(await client.reply(), /^250 2\.0\.0/);
  assert.match(await client.reply(), /^250/);
  const texts = listener.taken.map(({ text }) => text);
  assert.deepEqual(texts, ["a\r\nb\r\n", "Subject: x\r\n\r\ny\r\n.\r\n"]);
});
