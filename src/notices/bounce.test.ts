import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf } from "../../test/support/address.ts";
import { readNotice } from "../../test/support/read-notice.ts";
import { after, fromUnixMs, HOUR } from "../base/time.ts";
import { text } from "../locales/locales.ts";
import { parseDomain } from "../mail/address.ts";
import { LANGUAGES, type Language } from "../words/language.ts";
import { bounce, delayNotice } from "./bounce.ts";

const NOW = fromUnixMs(1_800_000_000_000);
const HOSTNAME = parseDomain("mail.alpha.test") ?? assert.fail();

function report(language: Language, recipient = "bob@beta.test") {
  const reason = (one: Language): string => text("deferral.broken", one);
  return {
    hostname: HOSTNAME,
    sender: addressOf("ada@alpha.test"),
    language,
    messageId: "<1@alpha.test>",
    failures: [{ recipient: addressOf(recipient), status: "5.3.0", reason }],
    now: NOW,
  };
}

type Golden = { readonly from: string; readonly subject: string; readonly text: string };

const BOUNCES: Readonly<Record<Language, Golden>> = {
  en: {
    from: "Mail delivery",
    subject: "Your message could not be delivered",
    text: `Your message <1@alpha.test> could not be delivered to:

  <bob@beta.test>: your provider could not read the message any more; please
    send it again

Please write to them another way, or try again later.
`,
  },
  de: {
    from: "E-Mail-Zustellung",
    subject: "Ihre Nachricht konnte nicht zugestellt werden",
    text: `Ihre Nachricht <1@alpha.test> konnte nicht zugestellt werden an:

  <bob@beta.test>: Ihr Anbieter konnte die Nachricht nicht mehr lesen; bitte
    senden Sie sie noch einmal

Bitte schreiben Sie auf anderem Weg, oder versuchen Sie es später noch einmal.
`,
  },
  fr: {
    from: "Remise du courrier électronique",
    subject: "Votre message n'a pas pu être remis",
    text: `Votre message <1@alpha.test> n'a pas pu être remis à\u00a0:

  <bob@beta.test>: votre fournisseur n'a plus pu lire le message\u00a0; veuillez le
    renvoyer

Veuillez écrire par un autre moyen, ou réessayer plus tard.
`,
  },
};

const DELAYS: Readonly<Record<Language, Pick<Golden, "subject" | "text">>> = {
  en: {
    subject: "Your message waits",
    text: `You need not do anything. The message is tried again until 16 January 2027 at
04:00 UTC. It is never sent without encryption because of this.
`,
  },
  de: {
    subject: "Ihre Nachricht wartet",
    text: `Sie müssen nichts tun. Der Versand wird bis zum 16. Januar 2027 um 04:00 UTC
weiter versucht. Die Nachricht wird deswegen nie unverschlüsselt gesendet.
`,
  },
  fr: {
    subject: "Votre message est en attente",
    text: `Vous n'avez rien à faire. L'envoi sera retenté jusqu'au 16 janvier 2027 à
04:00 UTC. Le message n'est jamais envoyé sans chiffrement pour cette raison.
`,
  },
};

const STATUS = `Reporting-MTA: dns; mail.alpha.test

Final-Recipient: rfc822; bob@beta.test
Action: failed
Status: 5.3.0
Diagnostic-Code: smtp; your provider could not read the message any more;
 please send it again
`;

for (const language of LANGUAGES) {
  test(`${language}: a bounce reads well in its language, and programs read the same of it in all`, () => {
    const { field, text: said, status } = readNotice(bounce(report(language)));
    const golden = BOUNCES[language];
    assert.equal(field("From"), `${golden.from} <postmaster@mail.alpha.test>`);
    assert.equal(field("Subject"), golden.subject);
    assert.equal(field("Content-Language"), language);
    assert.equal(said.trimEnd(), golden.text.trimEnd());
    assert.equal(status?.trimEnd(), STATUS.trimEnd());
  });

  test(`${language}: a delay notice names the time until which the message waits, in its language and by UTC`, () => {
    const notice = delayNotice({ ...report(language), until: after(NOW, 20 * HOUR) });
    const { field, text: said, status } = readNotice(notice);
    const golden = DELAYS[language];
    assert.equal(field("Subject"), golden.subject);
    assert.equal(field("Content-Language"), language);
    assert(said.trimEnd().endsWith(`\n\n${golden.text.trimEnd()}`), said);
    assert.match(status ?? "", /^Action: delayed$/m);
  });
}

test("an address and a reason beyond ASCII are readable for people, and ASCII for programs", () => {
  const of = report("en", "jürgen+x@beta.test");
  const failures = of.failures.map((one) => ({
    ...one,
    reason: () => "5.1.1 gibt’s nicht: Jürgen",
  }));
  const { text: said, status = "" } = readNotice(bounce({ ...of, failures }));
  assert.match(said, /<jürgen\+x@beta\.test>: 5\.1\.1 gibt’s nicht: Jürgen/);
  assert.match(status, /^Final-Recipient: utf-8; j\\x\{FC\}rgen\\x\{2B\}x@beta\.test$/m);
  assert.match(status, /^Diagnostic-Code: smtp; 5\.1\.1 gibt\?s nicht: J\?rgen$/m);
});

test("what a next hop says begins no field and no line of its own", () => {
  const of = report("de");
  const failures = of.failures.map((one) => ({
    ...one,
    reason: () => `no\r\nBcc: eve@evil.test\r\n\r\n--x ${"y ".repeat(400)}`,
  }));
  const { text: said, status = "" } = readNotice(bounce({ ...of, failures }));
  assert.doesNotMatch(`${said}${status}`, /^(?:Bcc|--)/m);
});
