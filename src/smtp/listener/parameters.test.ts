import assert from "node:assert/strict";
import { test } from "node:test";

import { RawSmtp } from "../../../test/support/raw-smtp.ts";
import { listen, loggedIn, NAME, withPki } from "../../../test/support/test-listener.ts";

const given = withPki();

for (const [mode, hello] of [
  ["mx", "EHLO"],
  ["lmtp", "LHLO"],
] as const) {
  test(`parameters that ${hello} did not announce are answered 555, those it announced 250 (${mode})`, async () => {
    await using listener = await listen(mode);
    await using client = await RawSmtp.connect(listener);
    const offer = await client.ask(`${hello} c.test`);
    assert.doesNotMatch(offer, /DSN|AUTH|FUTURERELEASE/);
    for (const parameters of [
      "FOO=BAR",
      "FOO",
      "RET=HDRS",
      "ENVID=1",
      "SIZE=10 RET=FULL",
      "HOLDFOR=5",
      "AUTH=<>",
      "BY=120;R",
      "MT-PRIORITY=3",
    ]) {
      assert.match(await client.ask(`MAIL FROM:<x@legacy.test> ${parameters}`), /^555 5\.5\.4/);
    }
    const announced = "MAIL FROM:<x@legacy.test> SIZE=10 BODY=8BITMIME SMTPUTF8";
    assert.match(await client.ask(announced), /^250/);
    for (const parameters of ["NOTIFY=NEVER", "ORCPT=rfc822;b@alpha.test", "RRVS=x", "FOO"]) {
      assert.match(await client.ask(`RCPT TO:<bob@alpha.test> ${parameters}`), /^555 5\.5\.4/);
    }
    assert.match(await client.ask("RCPT TO:<bob@alpha.test>"), /^250/);
    assert.match(await client.ask("DATA"), /^354/);
    client.write("Subject: x\r\n\r\ny\r\n.\r\n");
    assert.match(await client.reply(), /^250/);
    assert.equal(listener.taken[0]?.envelope.recipients.length, 1);
  });
}

test("submission takes the parameter of AUTH, which it announced, and none of DSN (RFC 4954 §5)", async () => {
  const { issued: tls, pki } = given();
  await using listener = await listen("submission-implicit", { tls });
  await using client = await loggedIn(listener, pki);
  assert.match(await client.ask("MAIL FROM:<alice@alpha.test> RET=HDRS"), /^555 5\.5\.4/);
  assert.match(await client.ask("MAIL FROM:<alice@alpha.test> AUTH=<> SIZE=100"), /^250/);
  assert.match(await client.ask("RCPT TO:<bob@beta.test> NOTIFY=SUCCESS"), /^555 5\.5\.4/);
});

test("AUTH before TLS is answered 530 5.7.0, in every form, and ten times at most (RFC 4954 §6)", async () => {
  await using listener = await listen("submission-starttls", { tls: given().issued });
  await using client = await RawSmtp.connect(listener);
  await client.ask("EHLO c.test");
  for (const line of [
    "AUTH PLAIN AGEAYg==",
    "auth LOGIN",
    "AUTH",
    "AUTH XOAUTH2 x",
    "AUTH PLAIN",
  ]) {
    assert.match(await client.ask(line), /^530 5\.7\.0/);
  }
  assert.match(await client.ask("NOOP"), /^250/);
  assert.match(await client.ask("STARTTLS"), /^220/);
  await client.startTls({ ca: given().pki.ca, serverName: NAME });
  await client.ask("EHLO c.test");
  assert.match(await client.ask("AUTH LOGIN"), /^334/);

  await using guesser = await RawSmtp.connect(listener);
  await guesser.ask("EHLO c.test");
  guesser.write("AUTH PLAIN AGEAYg==\r\n".repeat(30));
  const replies = (await guesser.rest()).split("\r\n").filter((line) => line !== "");
  assert.equal(replies.filter((line) => line.startsWith("530 5.7.0")).length, 10);
  assert.match(replies.at(-1) ?? "", /^421/);
});
