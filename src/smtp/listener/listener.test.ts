import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { submitMail } from "../../../lab/swaks.ts";
import { RawSmtp } from "../../../test/support/raw-smtp.ts";
import {
  accepted,
  listen,
  loggedIn,
  type Login,
  MESSAGE,
  NAME,
  PASSWORD,
  PLAIN,
  recipientsOf,
  withPki,
} from "../../../test/support/test-listener.ts";
import { AppError } from "../../base/errors.ts";
import { reply, type Reply } from "../smtp.ts";
import { startListener, type ListenerOptions } from "./listener.ts";

const given = withPki();
const tls = () => ({ ca: given().pki.ca, serverName: NAME });

for (const kind of ["implicit", "starttls"] as const) {
  test(`a stock client submits over ${kind} TLS`, async () => {
    await using listener = await listen(`submission-${kind}`, { tls: given().issued });
    const message = Buffer.from(`${MESSAGE}.a line with a dot\r\n..two\r\n`);
    const sent = await submitMail({
      server: listener,
      tls: kind,
      ca: given().pki.caFile,
      login: { address: "alice@alpha.test", password: PASSWORD },
      from: "alice@alpha.test",
      to: ["bob@beta.test", "carol@beta.test"],
      message,
    });
    assert.equal(sent.isAccepted, true, sent.dialogue);
    assert.match(sent.reply, /^250 2\.0\.0 taken/);
    const [taken] = listener.taken;
    assert(taken);
    assert.equal(taken.text, message.toString());
    assert.deepEqual(recipientsOf(taken), ["bob@beta.test", "carol@beta.test"]);
    assert.deepEqual(taken.envelope.from, { local: "alice", domain: "alpha.test" });
    assert.equal(taken.client.login?.name, "alice@alpha.test");
    assert.equal(taken.client.protocol, "ESMTPSA");
    assert.equal(taken.client.isTls, true);
    assert.equal(taken.client.network, "127.0.0.0/24");
  });
}

test("a wrong password, somebody else's name and guessing are refused", async () => {
  await using listener = await listen("submission-implicit", { tls: given().issued });
  await using client = await RawSmtp.connect(listener, tls());
  await client.ask("EHLO c.test");
  const plain = (text: string) => `AUTH PLAIN ${Buffer.from(text).toString("base64")}`;
  assert.match(await client.ask(plain("\0alice@alpha.test\0no")), /^535 5\.7\.8/);
  assert.match(
    await client.ask(plain(`bob@alpha.test\0alice@alpha.test\0${PASSWORD}`)),
    /^535 5\.7\.8/,
  );
  assert.match(await client.ask(plain("\0alice@alpha.test\0nope")), /^535 5\.7\.8/);
  assert.match(await client.ask(plain("\0alice@alpha.test\0never")), /^421 4\.7\.0/);
});

test("too many attempts are answered as temporary", async () => {
  await using listener = await listen("submission-implicit", {
    tls: given().issued,
    changes: {
      login: async () =>
        Promise.resolve({ kind: "refused", reply: reply("454", "4.7.0", "later") }),
    },
  });
  await using client = await RawSmtp.connect(listener, tls());
  assert.match(await client.all(["EHLO c.test", `AUTH PLAIN ${PLAIN}`]), /^454 4\.7\.0/);
});

test("only wrong passwords are counted towards the end of a connection", async () => {
  await using listener = await listen("submission-implicit", {
    tls: given().issued,
    changes: {
      login: async () =>
        Promise.resolve({ kind: "refused", reply: reply("454", "4.3.2", "later") }),
    },
  });
  await using client = await RawSmtp.connect(listener, tls());
  await client.ask("EHLO c.test");
  for (let attempt = 0; attempt < 4; attempt += 1) {
    assert.match(await client.ask(`AUTH PLAIN ${PLAIN}`), /^454 4\.3\.2 later/);
  }
});

test("trouble while a password is looked at is temporary for the client, by the code of AUTH", async () => {
  const login = async () => Promise.reject(new AppError("db1.internal", { temporary: true }));
  await using listener = await listen("submission-implicit", {
    tls: given().issued,
    changes: { login },
  });
  await using client = await RawSmtp.connect(listener, tls());
  const reply = await client.all(["EHLO c.test", `AUTH PLAIN ${PLAIN}`]);
  assert.match(reply, /^454 4\.3\.0 temporary trouble here/);
});

test("the password is wiped when the login is decided, and the login ends with the connection", async () => {
  const passwords: { reveal: () => Uint8Array }[] = [];
  const { promise, resolve } = Promise.withResolvers<Login>();
  await using listener = await listen("submission-implicit", {
    tls: given().issued,
    changes: {
      login: async (address, password) => {
        passwords.push(password);
        return Promise.resolve(accepted({ name: address }));
      },
      loggedOut: resolve,
    },
  });
  {
    await using client = await loggedIn(listener, given().pki);
    assert.throws(() => passwords[0]?.reveal());
    client.write("QUIT\r\n");
  }
  assert.deepEqual(await promise, { name: "alice@alpha.test" });
});

test("a client that goes away while its password is looked at is logged out all the same", async () => {
  const { promise: isAsked, resolve: asked } = Promise.withResolvers<void>();
  const { promise: decision, resolve: decide } = Promise.withResolvers<Login>();
  const { promise: ended, resolve: end } = Promise.withResolvers<Login>();
  const listener = await listen("submission-implicit", {
    tls: given().issued,
    changes: {
      login: async () => {
        asked();
        return accepted(await decision);
      },
      loggedOut: end,
    },
  });
  {
    await using client = await RawSmtp.connect(listener, tls());
    await client.ask("EHLO c.test");
    client.write(`AUTH PLAIN ${PLAIN}\r\n`);
    await isAsked;
  }
  // Resolves when the last connection has ended, and waits for the handler.
  const disposed = listener[Symbol.asyncDispose]();
  await sleep(100);
  decide({ name: "alice@alpha.test" });
  await disposed;
  const outcome = await Promise.race([ended, sleep(1000, undefined)]);
  assert.deepEqual(outcome, { name: "alice@alpha.test" });
});

test("messages that are too much together are put off, and room comes back", async () => {
  const limits = { messageBytes: 100_000, heldBytes: 200_000 };
  await using listener = await listen("mx", { limits });
  await using slow = await RawSmtp.connect(listener);
  await using other = await RawSmtp.connect(listener);
  const start = ["EHLO c.test", "MAIL FROM:<x@x.test>", "RCPT TO:<a@alpha.test>", "DATA"];
  const line = `${"x".repeat(998)}\r\n`;
  await slow.all(start);
  slow.write(line.repeat(60));
  await sleep(100);
  await other.all(start);
  other.write(`${line.repeat(60)}.\r\n`);
  assert.match(await other.reply(), /^452 4\.3\.1 /);
  slow.write(".\r\n");
  assert.match(await slow.reply(), /^250/);
  await other.all(start.slice(1));
  other.write(`${line.repeat(60)}.\r\n`);
  assert.match(await other.reply(), /^250/);
});

test("disposing lets a running delivery end and sends idle clients away", async () => {
  const { promise: isStored, resolve: store } = Promise.withResolvers<Reply>();
  const { promise: isCalled, resolve: called } = Promise.withResolvers<void>();
  const listener = await listen("mx", {
    limits: { closeMs: 2000 },
    changes: {
      data: async () => {
        called();
        return isStored;
      },
    },
  });
  await using busy = await RawSmtp.connect(listener);
  await using idle = await RawSmtp.connect(listener);
  const start = ["EHLO c.test", "MAIL FROM:<x@x.test>", "RCPT TO:<a@alpha.test>", "DATA"];
  await busy.all(start);
  busy.write(`${MESSAGE}.\r\n`);
  await isCalled;
  const disposed = listener[Symbol.asyncDispose]();
  assert.match(await idle.reply(), /^421 4\.3\.2/);
  store(reply("250", "2.0.0", "stored"));
  assert.match(await busy.reply(), /^250 2\.0\.0 stored/);
  busy.write("QUIT\r\n");
  await disposed;
});

test("a submission listener does not start without a certificate", async () => {
  const options: ListenerOptions<Login> = {
    host: "127.0.0.1",
    port: 0,
    hostname: NAME,
    mode: "submission-implicit",
    handlers: {
      rcpt: async () => Promise.resolve("ok"),
      data: async () => Promise.resolve(reply("250", "2.0.0", "x")),
    },
  };
  await assert.rejects(startListener(options), /certificate/);
});
