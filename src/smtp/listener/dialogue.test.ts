import assert from "node:assert/strict";
import { test } from "node:test";

import { RawSmtp } from "../../../test/support/raw-smtp.ts";
import {
  listen,
  loggedIn,
  MESSAGE,
  recipientsOf,
  withPki,
} from "../../../test/support/test-listener.ts";
import { AppError } from "../../base/errors.ts";
import { reply, type Reply } from "../smtp.ts";

const given = withPki();

test("LMTP answers once for each accepted recipient, repeated ones too", async () => {
  const answers: readonly Reply[] = [
    reply("250", "2.0.0", "first"),
    reply("452", "4.2.2", "full"),
    reply("550", "5.1.1", "gone"),
    reply("250", "2.0.0", "again"),
  ];
  await using listener = await listen("lmtp", {
    changes: {
      rcpt: async (_client, _envelope, { local }) =>
        Promise.resolve(local === "nobody" ? reply("550", "5.1.1", "no such user") : "ok"),
      data: async (_client, envelope) =>
        Promise.resolve(answers.slice(0, envelope.recipients.length)),
    },
  });
  await using client = await RawSmtp.connect(listener);
  assert.match(await client.ask("EHLO c.test"), /^500/);
  await client.all(["LHLO c.test", "MAIL FROM:<>"]);
  for (const local of ["bob", "Bob", "nobody", "bea", "bob"]) {
    const expected = local === "nobody" ? /^550 5\.1\.1 no such user/ : /^250/;
    assert.match(await client.ask(`RCPT TO:<${local}@alpha.test>`), expected);
  }
  await client.ask("DATA");
  client.write(`${MESSAGE}.\r\n`);
  const got = [
    await client.reply(),
    await client.reply(),
    await client.reply(),
    await client.reply(),
  ];
  assert.deepEqual(got, ["250 2.0.0 first", "452 4.2.2 full", "550 5.1.1 gone", "250 2.0.0 again"]);
  assert.match(await client.ask("NOOP"), /^250/);
});

test("LMTP refuses an oversize or unsafe message once for each recipient", async () => {
  await using listener = await listen("lmtp", { limits: { messageBytes: 100 } });
  await using client = await RawSmtp.connect(listener);
  for (const [body, expected] of [
    ["x".repeat(200), /^552 5\.3\.4/],
    ["a\nb", /^550 5\.6\.0/],
  ] as const) {
    const start = ["MAIL FROM:<>", "RCPT TO:<bob@alpha.test>", "RCPT TO:<BOB@alpha.test>", "DATA"];
    await client.all(["LHLO c.test", ...start]);
    client.write(`${body}\r\n.\r\n`);
    assert.match(await client.reply(), expected);
    assert.match(await client.reply(), expected);
  }
  assert.match(await client.ask("NOOP"), /^250/);
});

test("one reply for all stands for each LMTP recipient; too short a list is temporary trouble", async () => {
  let answer: Reply | readonly Reply[] = reply("250", "2.0.0", "all");
  await using listener = await listen("lmtp", {
    changes: { data: async () => Promise.resolve(answer) },
  });
  await using client = await RawSmtp.connect(listener);
  await client.ask("LHLO c.test");
  const deliver = async () => {
    const paths = ["a", "b", "c"].map((local) => `RCPT TO:<${local}@alpha.test>`);
    await client.all(["MAIL FROM:<>", ...paths, "DATA"]);
    client.write(`${MESSAGE}.\r\n`);
    return [await client.reply(), await client.reply(), await client.reply()];
  };
  assert.deepEqual(await deliver(), ["250 2.0.0 all", "250 2.0.0 all", "250 2.0.0 all"]);
  answer = [reply("250", "2.0.0", "a"), reply("250", "2.0.0", "b")];
  assert.match((await deliver())[2] ?? "", /^451 4\.3\.0/);
});

test("SMTP refuses the message when it cannot be stored for one recipient", async () => {
  await using listener = await listen("mx", {
    changes: {
      data: async () =>
        Promise.resolve([reply("250", "2.0.0", "a"), reply("452", "4.2.2", "full")]),
    },
  });
  await using client = await RawSmtp.connect(listener);
  const paths = ["RCPT TO:<a@alpha.test>", "RCPT TO:<b@alpha.test>"];
  await client.all(["EHLO c.test", "MAIL FROM:<x@x.test>", ...paths, "DATA"]);
  client.write(`${MESSAGE}.\r\n`);
  assert.equal(await client.reply(), "452 4.2.2 full");
});

test("what a handler throws is answered without its text, and told to the log", async () => {
  const told: unknown[] = [];
  const secret = new AppError("db1.internal is down", { temporary: true });
  await using listener = await listen("mx", {
    changes: {
      rcpt: async () => Promise.reject(secret),
      data: async () => Promise.reject(new AppError("never", { temporary: false })),
      failed: (error) => told.push(error),
    },
  });
  await using client = await RawSmtp.connect(listener);
  await client.all(["EHLO c.test", "MAIL FROM:<x@x.test>"]);
  const answer = await client.ask("RCPT TO:<a@alpha.test>");
  assert.match(answer, /^451 4\.3\.0/);
  assert.doesNotMatch(answer, /db1/);
  assert.deepEqual(told, [secret]);
});

test("a handler's permanent error is answered 554 5.3.0", async () => {
  await using listener = await listen("mx", {
    changes: { data: async () => Promise.reject(new AppError("never", { temporary: false })) },
  });
  await using client = await RawSmtp.connect(listener);
  const start = ["EHLO c.test", "MAIL FROM:<x@x.test>", "RCPT TO:<a@alpha.test>", "DATA"];
  await client.all(start);
  client.write(`${MESSAGE}.\r\n`);
  assert.match(await client.reply(), /^554 5\.3\.0/);
});

test("addresses beyond ASCII need SMTPUTF8; domains become A-labels", async () => {
  await using listener = await listen("mx");
  await using client = await RawSmtp.connect(listener);
  assert.match(await client.ask("EHLO c.test"), /SMTPUTF8/);
  assert.match(await client.ask("MAIL FROM:<jürgen@bücher.test>"), /^553 5\.6\.7/);
  assert.match(await client.ask("MAIL FROM:<jürgen@bücher.test> SMTPUTF8 BODY=8BITMIME"), /^250/);
  assert.match(await client.ask("RCPT TO:<renée@xn--bcher-kva.test>"), /^250/);
  assert.match(await client.ask("RCPT TO:<a@[127.0.0.1]>"), /^553 5\.1\.3/);
  client.write(Buffer.from("RCPT TO:<\xff\xfe@alpha.test>\r\n", "latin1"));
  assert.match(await client.reply(), /^553 5\.1\.3/);
  await client.ask("DATA");
  client.write(`${MESSAGE}.\r\n`);
  assert.match(await client.reply(), /^250/);
  assert.deepEqual(listener.taken[0]?.envelope, {
    from: { local: "jürgen", domain: "xn--bcher-kva.test" },
    recipients: [{ local: "renée", domain: "xn--bcher-kva.test" }],
    smtpUtf8: true,
  });
});

test("REQUIRETLS and SIZE reach the handlers; a repeated recipient counts once in SMTP", async () => {
  const sizes: number[] = [];
  await using listener = await listen("submission-implicit", {
    tls: given().issued,
    changes: {
      rcpt: async (_client, envelope) => {
        sizes.push(envelope.sizeBytes);
        return Promise.resolve("ok");
      },
    },
  });
  await using client = await loggedIn(listener, given().pki);
  const paths = ["RCPT TO:<bob@beta.test>", "RCPT TO:<bob@beta.test>", "RCPT TO:<Bob@beta.test>"];
  await client.all(["MAIL FROM:<alice@alpha.test> SIZE=77 REQUIRETLS", ...paths, "DATA"]);
  client.write(`${MESSAGE}.\r\n`);
  assert.match(await client.reply(), /^250/);
  assert.deepEqual(sizes, [77, 77, 77]);
  assert.equal(listener.taken[0]?.envelope.requireTls, true);
  assert.deepEqual(recipientsOf(listener.taken[0]), ["bob@beta.test", "Bob@beta.test"]);
});

test("<postmaster> alone, in any case of letters, is postmaster of the domain, else of the host (RFC 5321 §4.1.1.3)", async () => {
  for (const [mode, hello, domain] of [
    ["mx", "EHLO", "alpha.test"],
    ["lmtp", "LHLO", undefined],
  ] as const) {
    await using listener = await listen(mode, domain === undefined ? {} : { domain });
    await using client = await RawSmtp.connect(listener);
    await client.all([`${hello} c.test`, "MAIL FROM:<>"]);
    assert.match(await client.ask("RCPT TO:<PostMaster>"), /^250/);
    assert.match(await client.ask("RCPT TO:<bob>"), /^50[013]|^553/);
    await client.ask("DATA");
    client.write(`${MESSAGE}.\r\n`);
    assert.match(await client.reply(), /^250/);
    assert.deepEqual(listener.taken.flatMap(recipientsOf), [
      `PostMaster@${domain ?? "mail.alpha.test"}`,
    ]);
  }
});
