import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { RawSmtp } from "../../test/support/raw-smtp.ts";
import { listen, MESSAGE } from "../../test/support/test-listener.ts";
import { type Reason, reasonOf, REASONS, type Step } from "./reason.ts";
import { errorReply, loginErrorReply, oneReply, reply, type Reply } from "./smtp.ts";

type Codes = Pick<Reply, "code" | "enhanced">;

/** What our side answers at each step, `code enhanced`, by the reason that it is logged with. */
const ANSWERS: Readonly<Record<Reason, Partial<Record<Step, readonly string[]>>>> = {
  accepted: { auth: ["235 2.7.0"], rcpt: ["250 2.1.5"], data: ["250 2.0.0"] },
  "wrong-password": { auth: ["535 5.7.8", "421 4.7.0"] },
  throttled: { auth: ["454 4.7.0"] },
  "not-authenticated": { mail: ["530 5.7.0"] },
  "unknown-recipient": { rcpt: ["550 5.1.1", "421 4.7.0"], data: ["550 5.1.1"] },
  "relay-denied": { rcpt: ["550 5.7.1"] },
  "sender-not-allowed": { data: ["550 5.7.1"] },
  "too-many-recipients": { rcpt: ["452 4.5.3"] },
  "mailbox-full": { rcpt: ["452 4.2.2"], data: ["452 4.2.2"] },
  "too-large": { rcpt: ["552 5.3.4"], data: ["552 5.3.4"] },
  overloaded: { auth: ["454 4.3.2"], data: ["452 4.3.1"] },
  incomplete: { data: ["451 4.4.2"] },
  malformed: { mail: ["553 5.1.7", "553 5.6.7"], rcpt: ["553 5.1.3"], data: ["550 5.6.0"] },
  "encryption-uncertain": { rcpt: ["450 4.7.5"], data: ["450 4.7.5"] },
  "encryption-impossible": { rcpt: ["550 5.7.5"], data: ["550 5.7.5"] },
  "keys-locked": { data: ["554 5.7.5"] },
  "login-outdated": { rcpt: ["451 4.7.0"], data: ["451 4.7.0"] },
  "next-hop-trouble": { data: ["451 4.4.0"] },
  "next-hop-refused": { data: ["550 5.0.0", "551 5.0.0", "552 5.0.0", "553 5.0.0", "554 5.0.0"] },
  trouble: { auth: ["454 4.3.0"], mail: ["451 4.3.0"], data: ["451 4.3.0", "554 5.3.0"] },
  other: { mail: ["421 4.3.2", "555 5.5.4"], rcpt: ["555 5.5.4"], data: ["554 5.5.1"] },
};

function codesOf(text: string): Codes {
  const [code, enhanced] = text.split(" ");
  return { code, enhanced } as Codes;
}

test("each reason is that of the replies that it stands for", () => {
  for (const reason of REASONS) {
    const answers = Object.entries(ANSWERS[reason]) as readonly [Step, readonly string[]][];
    assert(answers.length > 0, reason);
    for (const [step, replies] of answers) {
      for (const text of replies) {
        assert.equal(reasonOf(step, codesOf(text)), reason, `${step} ${text}`);
      }
    }
  }
});

test("what nobody foresaw is trouble, at each step", () => {
  for (const error of [new Error("x"), undefined]) {
    assert.equal(reasonOf("auth", loginErrorReply(error)), "trouble");
    for (const step of ["mail", "rcpt", "data"] as const) {
      assert.equal(reasonOf(step, errorReply(error)), "trouble");
    }
  }
});

test("the documentation explains each reason, and no other", () => {
  const file = join(import.meta.dirname, "../../docs/operate/metrics-and-logs.md");
  const [, table = ""] =
    /\n\| reason \|.*?\n\| --- .*?\n(.*?)\n\n/s.exec(readFileSync(file, "utf8")) ?? [];
  const explained = [...table.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, word = ""]) => word);
  assert.deepEqual(explained, [...REASONS]);
});

test("the words of a next hop choose no reason, whatever codes they name", async () => {
  const reasons: Reason[] = [];
  let answer: Reply = reply("250", "2.0.0", "taken");
  await using listener = await listen("mx", {
    changes: {
      data: async () => Promise.resolve(answer),
      answered: (_client, { step, replies }) => {
        if (step === "data") reasons.push(reasonOf(step, oneReply(replies)));
      },
    },
  });
  for (const words of [
    "550 5.1.1 no such user here",
    "4.2.2 mailbox full",
    "535 5.7.8 authentication credentials invalid",
    "\r\n250 2.0.0 taken",
    "",
  ]) {
    await using client = await RawSmtp.connect(listener);
    for (const [reason, given] of [
      ["next-hop-refused", reply("550", "5.0.0", words)],
      ["next-hop-trouble", reply("451", "4.4.0", words)],
    ] as const) {
      answer = given;
      await client.all(["EHLO c.test", "MAIL FROM:<>", "RCPT TO:<bob@beta.test>", "DATA"]);
      assert.match(await client.ask(`${MESSAGE}.`), new RegExp(`^${given.code} `));
      assert.equal(reasons.pop(), reason, words);
    }
  }
});
