import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf } from "../../test/support/address.ts";
import { readNotice } from "../../test/support/read-notice.ts";
import { after, DAY, fromUnixMs } from "../base/time.ts";
import { parseDomain } from "../mail/address.ts";
import { LANGUAGES, type Language } from "../words/language.ts";
import { keyEndingNotice } from "./key-ending.ts";

const NOW = fromUnixMs(1_800_000_000_000);

function noticeFor(way: "device" | "login", leftMs: number, language: Language = "en"): Uint8Array {
  const [owner, address] = [addressOf("ada@alpha.test"), addressOf("a.quill@alpha.test")];
  const hostname = parseDomain("mail.alpha.test");
  assert(hostname);
  const endsAt = after(NOW, leftMs);
  const ending = { owner, address, fingerprint: "ab".repeat(20), endsAt, way };
  const messageId = "<1@mail.alpha.test>";
  return keyEndingNotice({ hostname, messageId, ending, language, now: NOW });
}

test("a warning is plain text from the postmaster that nothing answers", () => {
  const notice = Buffer.from(noticeFor("device", 13.5 * DAY)).toString();
  const [header = "", body = ""] = notice.split("\r\n\r\n", 2);
  for (const field of [
    "From: Mail service <postmaster@mail.alpha.test>",
    "To: <ada@alpha.test>",
    "Date: Fri, 15 Jan 2027 08:00:00 +0000",
    "Message-ID: <1@mail.alpha.test>",
    "Subject: Your encryption key ends on 28 January 2027",
    "Auto-Submitted: auto-generated",
    "Content-Type: text/plain; charset=utf-8",
  ]) {
    assert(header.split("\r\n").includes(field), field);
  }
  assert.equal(body, "Your encryption key ends in 14 days, unless you do something.");
});

test("it says which key ends and when, what happens then, and what its owner can do", () => {
  const [device, login] = [noticeFor("device", 3 * DAY), noticeFor("login", DAY)].map(
    (notice) => readNotice(notice).text,
  );
  assert(device !== undefined && login !== undefined);
  for (const text of [device, login]) {
    assert.match(text, /^ {2}address {6}a\.quill@alpha\.test$/m);
    assert.match(text, /^ {2}fingerprint {2}(?:AB){20}$/m);
    assert.match(text, /nobody can encrypt mail to this address/);
    assert.match(text, /require encryption .*refused/s);
    assert.doesNotMatch(text, /https?:/);
  }
  assert.match(device, /in 3 days.*18 January 2027 at 08:00 UTC.*own device.*key import ADDR/s);
  assert.doesNotMatch(device, /log in/);
  assert.match(login, /in one day.*log in once/s);
  assert.doesNotMatch(login, /device/);
});

type Golden = {
  readonly subject: string;
  readonly lead: readonly [one: string, more: string];
  readonly table: string;
  readonly login: RegExp;
};

const GOLDEN: Readonly<Record<Language, Golden>> = {
  en: {
    subject: "Your encryption key ends on 16 January 2027",
    lead: ["ends in one day, unless you do something.", "ends in 2 days, unless you do something."],
    table: `  address      a.quill@alpha.test
  fingerprint  ${"AB".repeat(20)}
  ends         16 January 2027 at 08:00 UTC
`,
    login: /What to do: log in once with your password/,
  },
  de: {
    subject: "Ihr Schlüssel für verschlüsselte Nachrichten läuft am 16. Januar 2027 ab",
    lead: [
      "läuft in einem Tag ab, wenn Sie\nnichts tun.",
      "läuft in 2 Tagen ab, wenn Sie\nnichts tun.",
    ],
    table: `  Adresse        a.quill@alpha.test
  Fingerabdruck  ${"AB".repeat(20)}
  läuft ab am    16. Januar 2027 um 08:00 UTC
`,
    login: /Was Sie tun können: Melden Sie sich einmal mit Ihrem Passwort an/,
  },
  fr: {
    subject: "Votre clé de chiffrement expire le 16 janvier 2027",
    lead: [
      "expire dans un jour si vous ne faites rien.",
      "expire dans 2 jours si vous ne faites rien.",
    ],
    table: `  adresse    a.quill@alpha.test
  empreinte  ${"AB".repeat(20)}
  expire le  16 janvier 2027 à 08:00 UTC
`,
    login: /Ce que vous pouvez faire\u00a0: identifiez-vous une fois avec votre mot de passe/,
  },
};

for (const language of LANGUAGES) {
  test(`${language}: a warning is in the language of the owner, and so are its dates and numbers`, () => {
    const golden = GOLDEN[language];
    const [one, two] = [noticeFor("login", DAY, language), noticeFor("login", 2 * DAY, language)];
    const { field, text } = readNotice(one);
    assert.equal(field("Subject"), golden.subject);
    assert.equal(field("Content-Language"), language);
    assert(text.includes(golden.lead[0]), text);
    assert(readNotice(two).text.includes(golden.lead[1]));
    assert(text.includes(golden.table), text);
    assert.match(text, golden.login);
  });

  test(`${language}: what the provider is to type stands on one line`, () => {
    const { text } = readNotice(noticeFor("device", DAY, language));
    assert.match(text, /sealpost key import ADDRESS FILE --public$/m);
  });
}
