import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { RawSmtp } from "../support/raw-smtp.ts";
import {
  listen,
  MESSAGE,
  PASSWORD,
  PLAIN,
  recipientsOf,
  withPki,
  NAME,
} from "../support/test-listener.ts";
import { reply } from "../../src/smtp/smtp.ts";

const given = withPki();
const tls = () => ({ ca: given().pki.ca, serverName: NAME });

test("AUTH is neither offered nor taken before TLS, and no mail is taken without it", async () => {
  await using listener = await listen("submission-starttls", { tls: given().issued });
  await using client = await RawSmtp.connect(listener);
  const offer = await client.ask("EHLO c.test");
  assert.doesNotMatch(offer, /AUTH/);
  assert.match(offer, /STARTTLS/);
  assert.match(await client.ask(`AUTH PLAIN ${PLAIN}`), /^5/);
  assert.match(await client.ask("MAIL FROM:<alice@alpha.test>"), /^530 5\.7\.0/);
  assert.match(await client.ask("STARTTLS"), /^220/);
  await client.startTls(tls());
  const inside = await client.ask("EHLO c.test");
  assert.match(inside, /AUTH PLAIN LOGIN/);
  assert.match(inside, /REQUIRETLS/);
  assert.doesNotMatch(inside, /STARTTLS/);
  assert.match(await client.ask("MAIL FROM:<alice@alpha.test>"), /^530 5\.7\.0/);
  assert.match(await client.ask("AUTH LOGIN"), /^334/);
  assert.match(await client.ask(Buffer.from("alice@alpha.test").toString("base64")), /^334/);
  assert.match(await client.ask(Buffer.from(PASSWORD).toString("base64")), /^235/);
  assert.match(await client.ask("MAIL FROM:<alice@alpha.test>"), /^250/);
});

test("commands smuggled behind STARTTLS are thrown away", async () => {
  await using listener = await listen("submission-starttls", { tls: given().issued });
  await using client = await RawSmtp.connect(listener);
  await client.ask("EHLO c.test");
  client.write("STARTTLS\r\nEHLO evil.test\r\nMAIL FROM:<evil@x.test>\r\n");
  assert.match(await client.reply(), /^220/);
  await client.startTls(tls());
  assert.match(await client.ask("NOOP"), /^250/);
  assert.match(await client.ask("RCPT TO:<bob@beta.test>"), /^5(?:03|30)/);
});

test("TLS 1.1 is refused", async () => {
  await using listener = await listen("submission-starttls", { tls: given().issued });
  await using client = await RawSmtp.connect(listener);
  await client.all(["EHLO c.test", "STARTTLS"]);
  await assert.rejects(client.startTls({ ...tls(), maxVersion: "TLSv1.1" }), {
    code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
  });
});

/** SMTP smuggling: ends of data that other servers take for one, each with a second message behind it. */
const SMUGGLING: readonly string[] = [
  "\n.\n",
  "\n.\r\n",
  "\r\n.\n",
  "\r.\r",
  "\r.\r\n",
  "\r\n.\r",
  "\n.\r",
  "\r\n.\0\r\n",
  "\0\r\n.\r\r\n",
  "\n..\r\n",
  "\r\r\n.\r\r\n",
  "\n\n.\n\n",
  "\r\n\0.\r\n",
];

for (const end of SMUGGLING) {
  test(`no second message behind ${JSON.stringify(end)}`, async () => {
    await using listener = await listen("mx");
    await using client = await RawSmtp.connect(listener);
    const start = ["EHLO c.test", "MAIL FROM:<a@x.test>", "RCPT TO:<bob@alpha.test>", "DATA"];
    assert.match(await client.all(start), /^354/);
    const second =
      "MAIL FROM:<evil@x.test>\r\nRCPT TO:<bob@alpha.test>\r\nDATA\r\nSubject: evil\r\n";
    client.write(`Subject: one\r\n\r\nbody${end}${second}\r\nx\r\n.\r\n`);
    assert.match(await client.reply(), /^550 5\.6\.0/);
    assert.match(await client.ask("NOOP"), /^250/);
    assert.equal(listener.taken.length, 0);
  });
}

test("the end of data is found however it is cut", async () => {
  await using listener = await listen("mx");
  await using client = await RawSmtp.connect(listener);
  const start = ["EHLO c.test", "MAIL FROM:<a@x.test>", "RCPT TO:<bob@alpha.test>", "DATA"];
  await client.all(start);
  for (const piece of ["..\r\n", "a\r", "\n", ".", ".b\r\n.", "\r", "\nNOOP\r\n"]) {
    client.write(piece);
    await new Promise(setImmediate);
  }
  assert.match(await client.reply(), /^250 2\.0\.0/);
  assert.match(await client.reply(), /^250/);
  assert.equal(listener.taken[0]?.text, ".\r\na\r\n.b\r\n");
});

test("an oversize message is refused, announced or not, and its bytes are not kept", async () => {
  await using listener = await listen("mx", { limits: { messageBytes: 1000 } });
  await using client = await RawSmtp.connect(listener);
  assert.match(await client.ask("EHLO c.test"), /SIZE 1000/);
  assert.match(await client.ask("MAIL FROM:<a@x.test> SIZE=1001"), /^552 5\.3\.4/);
  await client.all(["MAIL FROM:<a@x.test> SIZE=5", "RCPT TO:<bob@alpha.test>", "DATA"]);
  client.write(`${"x".repeat(998)}\r\n${"y".repeat(500_000)}\r\n.\r\n`);
  assert.match(await client.reply(), /^552 5\.3\.4/);
  await client.all(["MAIL FROM:<a@x.test>", "RCPT TO:<bob@alpha.test>", "DATA"]);
  client.write(`${MESSAGE}.\r\n`);
  assert.match(await client.reply(), /^250/);
  assert.equal(listener.taken.length, 1);
});

test("more than a hundred recipients are too many for one transaction", async () => {
  await using listener = await listen("mx");
  await using client = await RawSmtp.connect(listener);
  await client.all(["EHLO c.test", "MAIL FROM:<a@x.test>"]);
  const rcpt = (index: number) => `RCPT TO:<u${String(index)}@alpha.test>\r\n`;
  client.write(Array.from({ length: 101 }, (_none, index) => rcpt(index)).join(""));
  for (let index = 0; index < 100; index += 1) assert.match(await client.reply(), /^250/);
  assert.match(await client.reply(), /^452 4\.5\.3/);
  assert.match(await client.ask("DATA"), /^354/);
  client.write(`${MESSAGE}.\r\n`);
  assert.match(await client.reply(), /^250/);
  assert.equal(listener.taken[0]?.envelope.recipients.length, 100);
});

test("proxies' and joke commands, source routes and long lines get nobody anywhere", async () => {
  await using listener = await listen("mx");
  await using client = await RawSmtp.connect(listener);
  assert.doesNotMatch(await client.ask("EHLO c.test"), /XCLIENT|XFORWARD|AUTH/);
  for (const line of ["XCLIENT ADDR=1.2.3.4", "XFORWARD ADDR=1.2.3.4", "WIZ", "AUTH PLAIN"]) {
    assert.match(await client.ask(line), /^5/);
  }
  await client.ask("MAIL FROM:<x@x.test>");
  assert.match(await client.ask('RCPT TO:<"bob@evil.test"@alpha.test>'), /^5/);
  assert.match(await client.ask("RCPT TO:<@evil.test,@x.test:bob@alpha.test>"), /^250/);
  await client.ask("DATA");
  client.write(`${MESSAGE}.\r\n`);
  await client.reply();
  assert.deepEqual(listener.taken.map(recipientsOf), [["bob@alpha.test"]]);
  client.write("x".repeat(1024 * 1024));
  assert.match(await client.reply(), /^421/);
});

test("a client that guesses recipients at the MX is sent away", async () => {
  await using listener = await listen("mx", {
    changes: { rcpt: async () => Promise.resolve(reply("550", "5.1.1", "no such user here")) },
  });
  await using client = await RawSmtp.connect(listener);
  await client.all(["EHLO c.test", "MAIL FROM:<x@x.test>"]);
  for (let index = 0; index < 20; index += 1) {
    assert.match(await client.ask(`RCPT TO:<u${String(index)}@alpha.test>`), /^550 5\.1\.1/);
  }
  assert.match(await client.ask("RCPT TO:<last@alpha.test>"), /^421 4\.7\.0/);
});

test("a slow message ends the connection and is not taken", async () => {
  await using listener = await listen("mx", { limits: { dataMs: 200 } });
  await using client = await RawSmtp.connect(listener);
  const start = ["EHLO c.test", "MAIL FROM:<x@x.test>", "RCPT TO:<a@alpha.test>", "DATA"];
  await client.all(start);
  client.write("Subject: slow\r\n");
  assert.match(await client.reply(), /^421 4\.4\.2/);
  assert.equal(listener.taken.length, 0);
});

test("a message that drips ends the connection long before its time, and one that flows does not", async () => {
  const limits = { dataOctetsPerSecond: 2000, slowAfterMs: 500 };
  await using listener = await listen("mx", { limits });
  const begin = ["EHLO c.test", "MAIL FROM:<x@x.test>", "RCPT TO:<a@alpha.test>", "DATA"];
  await using client = await RawSmtp.connect(listener);
  await client.all(begin);
  const drip = setInterval(() => {
    client.write("X: drip\r\n");
  }, 50);
  assert.match(await client.reply(), /^421 4\.4\.2/);
  clearInterval(drip);
  assert.equal(listener.taken.length, 0);
  await using other = await RawSmtp.connect(listener);
  await other.all(begin);
  other.write(`Subject: flows\r\n\r\n${"0123456789\r\n".repeat(20_000)}`);
  await new Promise((resolve) => {
    setTimeout(resolve, 2 * limits.slowAfterMs);
  });
  assert.match(await other.ask("."), /^250/);
});

test("a silent client is sent away", async () => {
  await using listener = await listen("mx", { limits: { idleMs: 300 } });
  await using client = await RawSmtp.connect(listener);
  assert.match(await client.reply(), /^421/);
});

test("one network cannot take all connections", async () => {
  await using listener = await listen("mx", { limits: { clientsPerNetwork: 2 } });
  await using one = await RawSmtp.connect(listener);
  await using two = await RawSmtp.connect(listener);
  await using three = await RawSmtp.connect(listener);
  assert.match(await one.ask("EHLO c.test"), /^250/);
  assert.match(await two.ask("EHLO c.test"), /^250/);
  assert.equal(await three.rest(), "");
});

test("a trusted network, such as the mail server's own, may have all connections", async () => {
  const isTrusted = (address: string) => address.startsWith("127.");
  await using listener = await listen("mx", { limits: { clientsPerNetwork: 1, isTrusted } });
  await using one = await RawSmtp.connect(listener);
  await using two = await RawSmtp.connect(listener);
  for (const client of [one, two]) assert.match(await client.ask("EHLO c.test"), /^250/);
});

test("who gives no command that leads anywhere is sent away, who has begun is not", async () => {
  await using listener = await listen("mx", { limits: { firstCommandMs: 500 } });
  await using silent = await RawSmtp.connect(listener);
  await using begun = await RawSmtp.connect(listener);
  await silent.ask("EHLO c.test");
  await begun.all(["EHLO c.test", "MAIL FROM:<x@x.test>"]);
  assert.match(await silent.reply(), /^421 4\.4\.2/);
  assert.match(await begun.ask("RCPT TO:<a@alpha.test>"), /^250/);
});

test("when a listener is full the client that has been silent longest makes room", async () => {
  await using listener = await listen("mx", { limits: { clients: 2 } });
  await using first = await RawSmtp.connect(listener);
  await first.ask("EHLO c.test");
  await using second = await RawSmtp.connect(listener);
  await using early = await RawSmtp.connect(listener);
  assert.equal(await early.rest(), "", "nobody has been silent for long");
  // Silence counts from five seconds on.
  for (let count = 0; count < 7; count += 1) {
    await sleep(1000);
    assert.match(await second.ask("NOOP"), /^250/);
  }
  await using third = await RawSmtp.connect(listener);
  assert.match(await third.ask("EHLO c.test"), /^250/);
  assert.match(await second.ask("NOOP"), /^250/);
  assert.match(await first.reply(), /^421 4\.4\.2 idle while others wait/);
});

test("a client that goes away in the middle of a message leaves nothing behind", async () => {
  await using listener = await listen("mx");
  {
    await using client = await RawSmtp.connect(listener);
    const start = ["EHLO c.test", "MAIL FROM:<x@x.test>", "RCPT TO:<a@alpha.test>", "DATA"];
    await client.all(start);
    client.write("Subject: half\r\n");
  }
  await using next = await RawSmtp.connect(listener);
  assert.match(await next.ask("EHLO c.test"), /^250/);
  assert.equal(listener.taken.length, 0);
});
