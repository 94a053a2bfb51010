import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { SMTPServer } from "smtp-server";
import { makePki, type Pki } from "./pki.ts";
import { portOf } from "./ports.ts";
import { startRecorder } from "./recorder.ts";
import { submitMail } from "./swaks.ts";

const HOST = "127.0.0.1";
const LOGIN = { address: "alice@alpha.test", password: "pä ss'word" };
const MESSAGE = Buffer.from(
  "Subject: %FROM_ADDRESS% \\n\r\nFrom: a@b.test\r\n\r\n.dot\r\n..two\r\n.\r\nFrom x\r\n\xE9nd\r\n",
  "latin1",
);

let dir = "";
let pki: Pki;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-swaks-"));
  pki = await makePki(dir);
});

after(async () => {
  await rm(dir, { recursive: true, force: true });
});

/** Takes everything but mail for `nobody@`, and keeps the last message and password. */
async function startServer(isImplicitTls: boolean) {
  const { cert, key } = await pki.issue(["mail.alpha.test"]);
  const seen = { message: Buffer.alloc(0), password: "" };
  const server = new SMTPServer({
    secure: isImplicitTls,
    cert,
    key,
    authOptional: true,
    onAuth: (auth, _session, done) => {
      seen.password = auth.password ?? "";
      done(null, { user: auth.username });
    },
    onRcptTo: ({ address }, _session, done) => {
      if (!address.startsWith("nobody")) done();
      else done(Object.assign(new Error("5.7.5 not him"), { responseCode: 550 }));
    },
    onData: (stream, _session, done) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        seen.message = Buffer.concat(chunks);
        done(null, "2.0.0 taken");
      });
    },
  });
  server.on("error", () => {
    // swaks hangs up after a refusal.
  });
  const listening = server.listen(0, HOST);
  await once(listening, "listening");
  return {
    seen,
    place: { host: HOST, port: portOf(listening) },
    [Symbol.asyncDispose]: async () => {
      await new Promise<void>((resolve) => {
        server.close(resolve);
      });
    },
  };
}

for (const tls of ["implicit", "starttls"] as const) {
  test(`swaks delivers the exact bytes and the password over ${tls} TLS`, async () => {
    await using server = await startServer(tls === "implicit");
    const sent = await submitMail({
      server: server.place,
      tls,
      ca: pki.caFile,
      login: LOGIN,
      from: LOGIN.address,
      to: ["bob@beta.test", "bea@beta.test"],
      message: MESSAGE,
    });
    assert.equal(sent.reply, "250 2.0.0 taken", sent.dialogue);
    assert.equal(sent.refusedAt, undefined);
    assert.deepEqual(server.seen.message, MESSAGE);
    assert.equal(server.seen.password, LOGIN.password);
  });
}

test("a refused recipient is told apart from a refused message", async () => {
  await using server = await startServer(true);
  const sent = await submitMail({
    server: server.place,
    tls: "implicit",
    ca: pki.caFile,
    login: LOGIN,
    from: LOGIN.address,
    to: ["nobody@beta.test"],
    message: MESSAGE,
  });
  assert.equal(sent.isAccepted, false);
  assert.equal(sent.refusedAt, "recipient");
  assert.equal(sent.reply, "550 5.7.5 not him");
});

test("a server whose certificate comes from elsewhere gets no password", async () => {
  const other = await makePki(join(dir, "other"));
  await using server = await startServer(true);
  const sent = await submitMail({
    server: server.place,
    tls: "implicit",
    ca: other.caFile,
    login: LOGIN,
    from: LOGIN.address,
    to: ["bob@beta.test"],
    message: MESSAGE,
  });
  assert.equal(sent.isAccepted, false);
  assert.equal(server.seen.password, "");
});

test("a recorder passes mail on, keeps what the client sent and offers no TLS", async () => {
  await using server = await startServer(false);
  await using recorder = await startRecorder(HOST, server.place);
  const letter = { from: "a@alpha.test", to: ["bob@beta.test"], message: MESSAGE };
  const plain = { server: recorder.place, ca: pki.caFile, ...letter };
  const sent = await submitMail({ ...plain, tls: "none" });
  assert.equal(sent.isAccepted, true, sent.dialogue);
  assert.deepEqual(server.seen.message, MESSAGE);
  const capture = recorder.take().toString("latin1");
  assert.match(capture, /^RCPT TO:<bob@beta\.test>\r$/m);
  assert(capture.includes("%FROM_ADDRESS%"));
  assert.equal(recorder.take().length, 0);
  const overTls = await submitMail({ ...plain, tls: "starttls" });
  assert.equal(overTls.isAccepted, false);
});
