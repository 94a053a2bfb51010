import assert from "node:assert/strict";
import { test } from "node:test";

import { DAY, fromUnixMs } from "../base/time.ts";
import { parseAddress, parseDomain } from "../mail/address.ts";
import type { Language } from "../words/language.ts";
import { digestNotice, type Digest } from "./digest.ts";

const NOW = fromUnixMs(1_800_000_000_000);
const [FIRST, LAST] = [20_831, 20_832].map((day) => fromUnixMs(day * DAY));

function noticeOf(given: Partial<Digest>, language: Language = "en"): string {
  const owner = parseAddress("ada@alpha.test");
  const hostname = parseDomain("mail.alpha.test");
  assert(owner && hostname && FIRST && LAST);
  const digest = {
    first: LAST,
    last: LAST,
    messages: 3,
    because: [
      ["NOSVC", 2] as const,
      ["BADKEY", 1] as const,
      ["Log in: https://evil.test/", 1] as const,
    ],
    hasCopies: true,
    ...given,
  };
  const messageId = "<1@mail.alpha.test>";
  return Buffer.from(
    digestNotice({ hostname, owner, messageId, digest, language, now: NOW }),
  ).toString();
}

test("a digest is plain text from the postmaster that nothing answers", () => {
  const [header = "", body = ""] = noticeOf({}).split("\r\n\r\n", 2);
  for (const field of [
    "From: Mail service <postmaster@mail.alpha.test>",
    "To: <ada@alpha.test>",
    "Date: Fri, 15 Jan 2027 08:00:00 +0000",
    "Message-ID: <1@mail.alpha.test>",
    "Subject: Mail of yours left without encryption: 14 January 2027",
    "Auto-Submitted: auto-generated",
    "Content-Type: text/plain; charset=utf-8",
  ]) {
    assert(header.split("\r\n").includes(field), field);
  }
  assert.match(body, /^3 messages that you sent left without encryption/);
});

test("it says how many messages and why, and where their recipients are named", () => {
  const text = noticeOf({});
  assert.match(text, /^ {5}2 {2}a recipient's provider offers no encryption \(NOSVC\)\r$/m);
  assert.match(text, /^ {5}1 {2}a recipient's key cannot be used \(BADKEY\)\r$/m);
  assert.match(text, /^ {5}1 {2}another reason\r$/m);
  assert.match(text, /copies in your folder Sent.*sealpost account notices/s);
  assert(text.split("\r\n").every((line) => line.length <= 78));
  assert.doesNotMatch(text, /[^\r]\n|https?:/);
  assert.match(noticeOf({ messages: 1 }), /^One message that you sent/m);
});

test("it names the days that it is about, and says where nothing more is known", () => {
  assert(FIRST);
  assert.match(
    noticeOf({ first: FIRST }),
    /^Subject: .*: 13 January 2027 to 14 January\s+2027\r$/m,
  );
  const text = noticeOf({ hasCopies: false });
  assert.match(text, /keeps no copies of what you send/);
  assert.doesNotMatch(text, /folder Sent|account notices/);
});

test("it is in the language of its reader, on lines that every program takes", () => {
  for (const [language, lead, reason] of [
    ["de", "3 Nachrichten, die Sie gesendet haben", "ein Empf=C3=A4nger hat keinen Schl=C3=BCssel"],
    ["fr", "3 messages que vous avez envoy=C3=A9s", "un destinataire n'a pas de cl=C3=A9"],
  ] as const) {
    const text = noticeOf({ because: [["NOKEY", 3]] }, language);
    assert.match(text, new RegExp(`^Content-Language: ${language}\\r$`, "m"));
    assert(text.includes(lead) && text.replaceAll("=\r\n", "").includes(reason), text);
    assert(text.split("\r\n").every((line) => line.length <= 78 && /^[ -~]*$/.test(line)));
  }
});
