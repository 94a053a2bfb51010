/** A real Postfix as the next hop: it learns who submits, its own limits hold, and its words reach the user. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { before, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";

import { type Pki, makePki } from "../../lab/pki.ts";
import { type Postfix, startPostfix } from "../../lab/postfix.ts";
import { portOf } from "../../lab/ports.ts";
import { run, sealpostCommand } from "../../lab/run.ts";
import { type Sink, startSink } from "../../lab/sink.ts";
import type { Place } from "../../lab/world.ts";
import { MINUTE } from "../../src/base/time.ts";
import {
  addAccount,
  makeLoneServer,
  PASSWORD,
  READER,
  type LoneServer,
} from "../support/lone-server.ts";
import { RawSmtp } from "../support/raw-smtp.ts";
import { NAME } from "../support/test-listener.ts";

/** A user to whom the mail server gives no more mail today. */
const EAGER = "ivo@alpha.test";
const SIZE_LIMIT = 60_000;
const CANARY = "CANARY-5e11";

type World = AsyncDisposable & {
  readonly postfix: Postfix;
  readonly sink: Sink;
  readonly server: LoneServer;
  /** Logs a user in with a mail program. */
  readonly logIn: (address: string) => Promise<RawSmtp>;
};

type Relay = Readonly<Record<string, unknown>>;

/** A gateway before a Postfix that hands all on to a sink. */
async function world(
  settings: Readonly<Record<string, string>>,
  relayOf: (postfix: Postfix, pki: Pki) => Relay,
): Promise<World> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-postfix-"));
  await using ends = new AsyncDisposableStack();
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  const pki = await makePki(join(dir, "hop-pki"));
  const { certFile, keyFile } = await pki.issue([NAME]);
  const sink = ends.use(await startSink({ host: "127.0.0.1", dir: join(dir, "sink") }));
  const postfix = ends.use(
    await startPostfix({
      hostname: NAME,
      relayTo: sink,
      settings: {
        smtpd_tls_cert_file: certFile,
        smtpd_tls_key_file: keyFile,
        smtpd_tls_security_level: "may",
        ...settings,
      },
    }),
  );
  const any = { host: "127.0.0.1", port: 0 };
  const database = { engine: "sqlite", path: join(dir, "sealpost.db") };
  const server = await makeLoneServer(dir, database, {
    listen: { submission: any },
    relay: relayOf(postfix, pki),
  });
  await addAccount(server.config, EAGER);
  const serving = ends.use(await server.serve("gateway"));
  const ca = await readFile(join(dir, "pki/ca.pem"), "utf8");
  const started = ends.move();
  return {
    postfix,
    sink,
    server,
    logIn: async (address) => {
      const client = await RawSmtp.connect(serving.place("submission"), {
        ca,
        serverName: "mail.alpha.test",
      });
      const plain = Buffer.from(`\0${address}\0${PASSWORD}`).toString("base64");
      assert.match(await client.all(["EHLO laptop.home", `AUTH PLAIN ${plain}`]), /^235/);
      return client;
    },
    [Symbol.asyncDispose]: async () => started.disposeAsync(),
  };
}

/** Sends a text to READER, whose certificate is known; the answer to the message. */
async function submit(client: RawSmtp, text: string, from = READER): Promise<string> {
  await client.all([`MAIL FROM:<${from}>`, `RCPT TO:<${READER}>`, "DATA"]);
  const header = `From: ${from}\r\nTo: ${READER}\r\nSubject: note\r\n`;
  return client.ask(`${header}\r\n${CANARY} ${text}\r\n.`);
}

/** A limit for each user, as mail servers have it beside Postfix (SMTPD_POLICY_README). */
async function startLimits(): Promise<AsyncDisposable & Place> {
  const server = createServer((socket) => {
    let asked = "";
    socket.on("data", (chunk) => {
      asked += chunk.toString();
      if (!asked.endsWith("\n\n")) return;
      const isEager = asked.includes(`\nsasl_username=${EAGER}\n`);
      asked = "";
      socket.write(`action=${isEager ? "REJECT that is enough mail for today" : "DUNNO"}\n\n`);
    });
    socket.on("error", () => undefined);
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    host: "127.0.0.1",
    port: portOf(server),
    [Symbol.asyncDispose]: async () => {
      server.close();
      return Promise.resolve();
    },
  };
}

async function arrived(sink: Sink, count: number): Promise<readonly string[]> {
  const tooLate = AbortSignal.timeout(3 * MINUTE);
  for (;;) {
    const mails = await sink.received();
    if (mails.length >= count) return mails.map(({ message }) => Buffer.from(message).toString());
    await pause(50, undefined, { signal: tooLate });
  }
}

before(async () => {
  const { code } = await run("id", ["-u", "postfix"]);
  assert.equal(code, 0, "Postfix is missing: node scripts/setup.mjs test");
});

test("over checked TLS with XCLIENT, Postfix knows who submits: its limits for each user work", async () => {
  await using limits = await startLimits();
  await using all = await world(
    {
      smtpd_authorized_xclient_hosts: "127.0.0.1",
      smtpd_timeout: "2s",
      smtpd_sender_restrictions: `check_policy_service inet:${limits.host}:${String(limits.port)}`,
    },
    ({ place }, { caFile }) => ({
      ...place,
      tls: "required",
      ca_file: caFile,
      server_name: NAME,
      forward: "xclient",
    }),
  );
  const { postfix, sink } = all;
  await using client = await all.logIn(READER);
  assert.match(await submit(client, "one"), /^250/);
  assert.match(await submit(client, "two"), /^250/);
  // Postfix ends a connection that is idle for so long: the next message takes another one.
  await pause(3000);
  assert.match(await submit(client, "three"), /^250/);
  await using eager = await all.logIn(EAGER);
  assert.match(await submit(eager, "four", EAGER), /^554 .*that is enough mail for today/);

  const mails = await arrived(sink, 3);
  assert.equal(mails.length, 3);
  for (const mail of mails) {
    assert.match(mail, /^Content-Type: multipart\/encrypted;/m);
    assert(!mail.includes(CANARY));
  }
  const log = await postfix.log();
  const logins = log.match(/sasl_method=XCLIENT, sasl_username=\S+/g) ?? [];
  assert.deepEqual(
    logins,
    Array.from({ length: 3 }, () => `sasl_method=XCLIENT, sasl_username=${READER}`),
  );
  assert.match(log, new RegExp(`reject: .* that is enough mail for today; from=<${EAGER}>`));
  assert.match(log, /timeout after END-OF-MESSAGE/);
});

test("at its socket with XFORWARD, Postfix logs the client, and what is too large for it is said to the user", async () => {
  await using all = await world(
    { smtpd_authorized_xforward_hosts: "127.0.0.1", message_size_limit: String(SIZE_LIMIT) },
    ({ socket }) => ({ socket, tls: "none", forward: "xforward" }),
  );
  const { postfix, sink, server } = all;
  await using client = await all.logIn(READER);
  assert.match(await submit(client, "small"), /^250/);
  const [mail = ""] = await arrived(sink, 1);
  assert(!mail.includes(CANARY));
  assert.doesNotMatch(mail, /laptop|XFORWARD/);
  assert.match(await postfix.log(), /, orig_client=\S*127\.0\.0\.1/);

  // What fits as it was written, and not once it is sealed.
  const line = `${"x".repeat(70)}\r\n`;
  const text = line.repeat(Math.floor((0.9 * SIZE_LIMIT) / line.length));
  assert.match(await submit(client, text), /^552 5\.3\.4 /);
  assert.equal((await sink.received()).length, 1);
  const doctor = await run(sealpostCommand, ["doctor", "--config", server.config]);
  assert.match(doctor.stdout.toString(), /next hop unix:\S+ takes messages of 60000 bytes/);
});
