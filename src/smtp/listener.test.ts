import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { makePki, type IssuedCertificate, type Pki } from "../../lab/pki.ts";
import { submitMail } from "../../lab/swaks.ts";
import { RawSmtp } from "../../test/support/raw-smtp.ts";
import { AppError } from "../base/errors.ts";
import { formatAddress } from "../mail/address.ts";
import type { Envelope } from "../mail/envelope.ts";
import {
  startListener,
  type Client,
  type Handlers,
  type Listener,
  type ListenerOptions,
} from "./listener.ts";
import { reply, type Reply } from "./reply.ts";

type Login = { readonly name: string };
type Taken = { readonly client: Client<Login>; readonly envelope: Envelope; readonly text: string };

const NAME = "mail.alpha.test";
const PASSWORD = "correct horse ö";
const MESSAGE = "From: a@alpha.test\r\nSubject: hi\r\n\r\nbody\r\n";
const PLAIN = Buffer.from(`\0alice@alpha.test\0${PASSWORD}`).toString("base64");

let dir: string;
let pki: Pki;
let issued: IssuedCertificate;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-smtp-"));
  pki = await makePki(dir);
  issued = await pki.issue([NAME]);
});
after(async () => rm(dir, { recursive: true }));

/** A listener that takes everything from alice, and what it took. */
async function listen(
  mode: ListenerOptions<Login>["mode"],
  given: Partial<ListenerOptions<Login>> & { readonly changes?: Partial<Handlers<Login>> } = {},
): Promise<Listener & { readonly taken: Taken[]; readonly ended: Login[] }> {
  const taken: Taken[] = [];
  const ended: Login[] = [];
  const { changes, ...options } = given;
  const listener = await startListener<Login>({
    host: "127.0.0.1",
    port: 0,
    hostname: NAME,
    mode,
    tls: issued,
    ...options,
    limits: { closeMs: 500, ...options.limits },
    handlers: {
      login: async (address, password) => {
        const isRight = Buffer.from(password.reveal()).toString() === PASSWORD;
        return Promise.resolve(isRight ? { name: address } : "refused");
      },
      loggedOut: (login) => ended.push(login),
      rcpt: async () => Promise.resolve("ok"),
      data: async (client, envelope, message) => {
        taken.push({ client, envelope, text: Buffer.from(message).toString() });
        return Promise.resolve(reply("250", "2.0.0", "taken"));
      },
      ...changes,
    },
  });
  return { ...listener, taken, ended, [Symbol.asyncDispose]: listener[Symbol.asyncDispose] };
}

const tls = () => ({ ca: pki.ca, serverName: NAME });

async function loggedIn(listener: Listener): Promise<RawSmtp> {
  const client = await RawSmtp.connect(listener, tls());
  assert.match(await client.all(["EHLO c.test", `AUTH PLAIN ${PLAIN}`]), /^235/);
  return client;
}

const recipients = ({ envelope }: Taken) => envelope.recipients.map((one) => formatAddress(one));

for (const kind of ["implicit", "starttls"] as const) {
  test(`a stock client submits over ${kind} TLS`, async () => {
    await using listener = await listen(`submission-${kind}`);
    const message = Buffer.from(`${MESSAGE}.a line with a dot\r\n..two\r\n`);
    const sent = await submitMail({
      server: listener,
      tls: kind,
      ca: pki.caFile,
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
    assert.deepEqual(recipients(taken), ["bob@beta.test", "carol@beta.test"]);
    assert.deepEqual(taken.envelope.from, { local: "alice", domain: "alpha.test" });
    assert.equal(taken.client.login?.name, "alice@alpha.test");
    assert.equal(taken.client.protocol, "ESMTPSA");
    assert.equal(taken.client.isTls, true);
    assert.equal(taken.client.network, "127.0.0.0/24");
  });
}

test("AUTH is neither offered nor taken before TLS, and no mail is taken without it", async () => {
  await using listener = await listen("submission-starttls");
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
  await using listener = await listen("submission-starttls");
  await using client = await RawSmtp.connect(listener);
  await client.ask("EHLO c.test");
  client.write("STARTTLS\r\nEHLO evil.test\r\nMAIL FROM:<evil@x.test>\r\n");
  assert.match(await client.reply(), /^220/);
  await client.startTls(tls());
  assert.match(await client.ask("NOOP"), /^250/);
  assert.match(await client.ask("RCPT TO:<bob@beta.test>"), /^5(?:03|30)/);
});

test("TLS 1.1 is refused", async () => {
  await using listener = await listen("submission-starttls");
  await using client = await RawSmtp.connect(listener);
  await client.all(["EHLO c.test", "STARTTLS"]);
  await assert.rejects(client.startTls({ ...tls(), maxVersion: "TLSv1.1" }), {
    code: "ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION",
  });
});

test("a wrong password, somebody else's name and guessing are refused", async () => {
  await using listener = await listen("submission-implicit");
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
    changes: { login: async () => Promise.resolve("throttled") },
  });
  await using client = await RawSmtp.connect(listener, tls());
  assert.match(await client.all(["EHLO c.test", `AUTH PLAIN ${PLAIN}`]), /^454 4\.7\.0/);
});

test("the password is wiped when the login is decided, and the login ends with the connection", async () => {
  const passwords: { reveal: () => Uint8Array }[] = [];
  const { promise, resolve } = Promise.withResolvers<Login>();
  await using listener = await listen("submission-implicit", {
    changes: {
      login: async (address, password) => {
        passwords.push(password);
        return Promise.resolve({ name: address });
      },
      loggedOut: resolve,
    },
  });
  {
    await using client = await loggedIn(listener);
    assert.throws(() => passwords[0]?.reveal());
    client.write("QUIT\r\n");
  }
  assert.deepEqual(await promise, { name: "alice@alpha.test" });
});

/** TM-60: ends of data that other servers take for one, each with a second message behind it. */
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
  assert.match(await client.ask("MAIL FROM:<a@x.test> SIZE=1001"), /^552/);
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
    changes: {
      rcpt: async (_client, envelope) => {
        sizes.push(envelope.sizeBytes);
        return Promise.resolve("ok");
      },
    },
  });
  await using client = await loggedIn(listener);
  const paths = ["RCPT TO:<bob@beta.test>", "RCPT TO:<bob@beta.test>", "RCPT TO:<Bob@beta.test>"];
  await client.all(["MAIL FROM:<alice@alpha.test> SIZE=77 REQUIRETLS", ...paths, "DATA"]);
  client.write(`${MESSAGE}.\r\n`);
  assert.match(await client.reply(), /^250/);
  assert.deepEqual(sizes, [77, 77, 77]);
  assert.equal(listener.taken[0]?.envelope.requireTls, true);
  assert.deepEqual(recipients(listener.taken[0]), ["bob@beta.test", "Bob@beta.test"]);
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
  assert.deepEqual(listener.taken.map(recipients), [["bob@alpha.test"]]);
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
