import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { test } from "node:test";

import {
  listen,
  MESSAGE,
  NAME,
  recipientsOf,
  withPki,
} from "../../../test/support/test-listener.ts";
import { parseAddress, type EmailAddress } from "../../mail/address.ts";
import type { Envelope } from "../../mail/envelope.ts";
import { reply } from "../smtp.ts";
import type { Hop, Relay, RelayTimeouts } from "./hop.ts";
import { relayWith } from "./relay.ts";

const given = withPki();
const message = Buffer.from(MESSAGE);

function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert(parsed, text);
  return parsed;
}

function envelope(to: readonly string[], more: Partial<Envelope> = {}): Envelope {
  return { from: address("alice@alpha.test"), recipients: to.map(address), ...more };
}

function relayTo(hop: Hop, timeouts: Partial<RelayTimeouts> = {}): Relay {
  return relayWith({ hopFor: () => hop, hostname: "mail.alpha.test", timeouts });
}

const kinds = async (relay: Relay, to: Envelope, bytes: Uint8Array = message) =>
  (await relay(to, bytes)).recipients.map(({ outcome }) =>
    outcome.kind === "accepted" ? "accepted" : outcome.temporary ? "temporary" : "permanent",
  );

test("the bytes arrive as they were given, over TLS where the hop offers it", async () => {
  await using hop = await listen("mx", { tls: given().issued });
  const bytes = Buffer.from("..Subject: x\r\n\r\n.\r\n..\r\na.\r\n.\r\n\r\nend without line end");
  const result = await relayTo(hop)(envelope(["bob@beta.test", "bea@beta.test"]), bytes);
  assert.deepEqual(result.recipients[0], {
    address: address("bob@beta.test"),
    outcome: { kind: "accepted", text: "2.0.0 taken" },
  });
  const [taken] = hop.taken;
  assert(taken);
  assert.equal(taken.text, `${bytes.toString()}\r\n`);
  assert.deepEqual(recipientsOf(taken), ["bob@beta.test", "bea@beta.test"]);
  assert.equal(taken.client.isTls, true);
  assert.equal(taken.client.name, "mail.alpha.test");
});

test("a large message of dots passes unchanged", async () => {
  await using hop = await listen("mx");
  const bytes = Buffer.from(".line\r\n".repeat(100_000));
  assert.deepEqual(await kinds(relayTo(hop), envelope(["bob@beta.test"]), bytes), ["accepted"]);
  assert.equal(hop.taken[0]?.text, bytes.toString());
});

test("required TLS needs the offer and the right certificate", async () => {
  const to = envelope(["bob@beta.test"]);
  const { pki, issued } = given();
  await using hop = await listen("mx", { tls: issued });
  const required = { host: hop.host, port: hop.port, tls: "required" } as const;
  const right = { ...required, serverName: NAME, caFile: pki.caFile };
  assert.deepEqual(await kinds(relayTo(right), to), ["accepted"]);
  const wrongName = { ...right, serverName: "mail.beta.test" };
  assert.deepEqual(await kinds(relayTo(wrongName), to), ["temporary"]);
  assert.deepEqual(await kinds(relayTo({ ...required, serverName: NAME }), to), ["temporary"]);
  await using plain = await listen("mx");
  const unsafe = { ...right, host: plain.host, port: plain.port };
  assert.deepEqual(await kinds(relayTo(unsafe), to), ["temporary"]);
  assert.equal(plain.taken.length, 0);
});

test("each recipient has his own outcome", async () => {
  await using hop = await listen("mx", {
    changes: {
      rcpt: async (_client, _envelope, { local }) =>
        Promise.resolve(
          local === "full"
            ? reply("452", "4.2.2", "mailbox full")
            : local === "nobody"
              ? reply("550", "5.1.1", "no such user")
              : "ok",
        ),
    },
  });
  const to = envelope(["bob@beta.test", "full@beta.test", "nobody@beta.test", "bea@beta.test"]);
  const { recipients } = await relayTo(hop)(to, message);
  assert.deepEqual(
    recipients.map(({ outcome }) => outcome),
    [
      { kind: "accepted", text: "2.0.0 taken" },
      { kind: "refused", code: 452, text: "4.2.2 mailbox full", temporary: true },
      { kind: "refused", code: 550, text: "5.1.1 no such user", temporary: false },
      { kind: "accepted", text: "2.0.0 taken" },
    ],
  );
});

test("LMTP gives a reply for each recipient after the data", async () => {
  await using hop = await listen("lmtp", {
    changes: {
      data: async () =>
        Promise.resolve([
          reply("250", "2.0.0", "one"),
          reply("452", "4.2.2", "full"),
          reply("250", "2.0.0", "one again"),
        ]),
    },
  });
  const lmtp = { host: hop.host, port: hop.port, protocol: "lmtp" } as const;
  const to = envelope(["bob@beta.test", "bea@beta.test", "bob@beta.test"]);
  const { recipients } = await relayTo(lmtp)(to, message);
  assert.deepEqual(
    recipients.map(({ outcome }) => outcome.text),
    ["2.0.0 one", "4.2.2 full", "2.0.0 one again"],
  );
});

test("each hop gets its own recipients, and one hop's failure is not another's", async () => {
  await using alpha = await listen("mx");
  await using beta = await listen("mx");
  const hops: Record<string, Hop> = {
    "alpha.test": alpha,
    "beta.test": beta,
    "down.test": { host: "127.0.0.1", port: await closedPort() },
  };
  const relay = relayWith({
    hopFor: (domain) => hops[domain] ?? alpha,
    hostname: "mail.alpha.test",
  });
  const to = envelope(["a@alpha.test", "x@down.test", "b@beta.test", "c@alpha.test"]);
  assert.deepEqual(await kinds(relay, to), ["accepted", "temporary", "accepted", "accepted"]);
  assert.deepEqual(alpha.taken.map(recipientsOf), [["a@alpha.test", "c@alpha.test"]]);
  assert.deepEqual(beta.taken.map(recipientsOf), [["b@beta.test"]]);
});

test("SMTPUTF8 is asked for when an address or a header field needs it", async () => {
  await using hop = await listen("mx");
  const to = envelope(["jürgen@beta.test"]);
  assert.deepEqual(await kinds(relayTo(hop), to), ["accepted"]);
  assert.equal(hop.taken[0]?.envelope.smtpUtf8, true);
  const utf8 = Buffer.from("Subject: grüß\r\n\r\nx\r\n");
  assert.deepEqual(await kinds(relayTo(hop), envelope(["b@beta.test"]), utf8), ["accepted"]);
  assert.equal(hop.taken[1]?.envelope.smtpUtf8, true);
  const plain = Buffer.from("Subject: x\r\n\r\ngrüß\r\n");
  const asked = envelope(["b@beta.test"], { smtpUtf8: true });
  assert.deepEqual(await kinds(relayTo(hop), asked, plain), ["accepted"]);
  assert.equal(hop.taken[2]?.envelope.smtpUtf8, undefined);
});

test("what a hop cannot take is refused for good before it is sent", async () => {
  const old = await scripted(["220 old", "250-old\r\n250 SIZE 100"]);
  await using _old = old;
  const to = envelope(["b@beta.test"]);
  const relay = relayTo(old.hop);
  for (const [what, bytes, more] of [
    ["5.6.7", MESSAGE, envelope(["jürgen@beta.test"])],
    ["5.6.3", "Subject: x\r\n\r\ngrüß\r\n", to],
    ["5.3.4", "x".repeat(200), to],
    ["5.7.30", MESSAGE, { ...to, requireTls: true }],
  ] as const) {
    const { recipients } = await relay(more, Buffer.from(bytes));
    const [outcome] = recipients.map((one) => one.outcome);
    assert(outcome?.kind === "refused" && !outcome.temporary, what);
    assert(outcome.text.startsWith(what), outcome.text);
  }
  assert.doesNotMatch(old.heard(), /MAIL/);
});

test("REQUIRETLS is handed on", async () => {
  await using hop = await listen("mx", { tls: given().issued });
  const to = envelope(["b@beta.test"], { requireTls: true });
  assert.deepEqual(await kinds(relayTo(hop), to), ["accepted"]);
  assert.equal(hop.taken[0]?.envelope.requireTls, true);
});

for (const [name, bytes] of [
  ["a bare LF", "Subject: x\n.\nMAIL FROM:<evil@x.test>\r\n"],
  ["a bare CR", "Subject: x\r.\r\n"],
  ["a NUL", "Subject: x\0\r\n"],
] as const) {
  test(`a message with ${name} is not handed on`, async () => {
    await using hop = await listen("mx");
    const result = await kinds(relayTo(hop), envelope(["b@beta.test"]), Buffer.from(bytes));
    assert.deepEqual(result, ["permanent"]);
    assert.equal(hop.taken.length, 0);
  });
}

const TALK = ["220 hop", "250-hop\r\n250-PIPELINING\r\n250 8BITMIME"];

for (const [name, replies, expected] of [
  ["a greeting of 554", ["554 go away"], "temporary"],
  ["a refused EHLO", ["220 hop", "502 what"], "temporary"],
  ["a refused sender", [...TALK, "550 5.7.1 not you\r\n503 no"], "permanent"],
  ["a sender refused for now", [...TALK, "450 4.7.1 grey\r\n503 no"], "temporary"],
  ["a refused DATA", [...TALK, "250 ok\r\n250 ok", "554 5.5.1 no"], "permanent"],
  ["a yes to DATA that asks for no data", [...TALK, "250 ok\r\n250 ok", "250 ok"], "temporary"],
  ["a reply too many before DATA", [...TALK, "250 ok\r\n250 ok\r\n250 ok", ""], "temporary"],
  ["a refused message", [...TALK, "250 ok\r\n250 ok", "354 go", "550 5.7.1 spam"], "permanent"],
  [
    "a message refused for now",
    [...TALK, "250 ok\r\n250 ok", "354 go", "451 4.3.0 x"],
    "temporary",
  ],
  ["a lost connection after the data", [...TALK, "250 ok\r\n250 ok", "354 go", ""], "temporary"],
  ["a senseless final reply", [...TALK, "250 ok\r\n250 ok", "354 go", "354 go"], "temporary"],
  ["a reply that is none", ["HTTP/1.1 400 Bad Request"], "temporary"],
  ["an endless line", [`220 ${"x".repeat(100_000)}`], "temporary"],
  ["endless lines", ["220-x\r\n".repeat(10_000)], "temporary"],
] as const) {
  test(`after ${name} the message counts as refused: ${expected}`, async () => {
    const server = await scripted(replies);
    await using _server = server;
    assert.deepEqual(await kinds(relayTo(server.hop), envelope(["b@beta.test"])), [expected]);
  });
}

test("nothing is accepted before the reply to the end of the data", async () => {
  const server = await scripted([...TALK, "250 ok\r\n250 ok", "354 go"]);
  await using _server = server;
  const relay = relayTo(server.hop, { finalReplyMs: 100 });
  assert.deepEqual(await kinds(relay, envelope(["b@beta.test"])), ["temporary"]);
  assert.match(server.heard(), /\r\n\.\r\n$/);
});

test("a silent hop, and one that nobody answers for, are waited for only so long", async () => {
  const silent = await scripted([]);
  await using _silent = silent;
  const relay = relayTo(silent.hop, { replyMs: 50 });
  assert.deepEqual(await kinds(relay, envelope(["b@beta.test"])), ["temporary"]);
  const result = await relayTo(silent.hop)(envelope(["b@beta.test"]), message, {
    signal: AbortSignal.timeout(50),
  });
  assert.equal(result.recipients[0]?.outcome.kind, "refused");
});

test("replies smuggled before TLS end the transaction", async () => {
  const server = await scripted(["220 hop", "250-hop\r\n250 STARTTLS", "220 go\r\n250 smuggled"]);
  await using _server = server;
  assert.deepEqual(await kinds(relayTo(server.hop), envelope(["b@beta.test"])), ["temporary"]);
  assert.doesNotMatch(server.heard(), /MAIL/);
});

/** A server that says these things, one for the connection and one for each piece it hears; "" hangs up. */
async function scripted(
  replies: readonly string[],
): Promise<AsyncDisposable & { readonly hop: Hop; readonly heard: () => string }> {
  let heard = "";
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    let next = 0;
    const say = (): void => {
      const text = replies[next++];
      if (text === "") socket.destroy();
      else if (text !== undefined) socket.write(`${text}\r\n`);
    };
    socket.on("error", () => undefined);
    socket.on("data", (chunk: Buffer) => {
      heard += chunk.toString();
      const isData = replies[next - 1]?.startsWith("354") === true;
      if (!isData || heard.endsWith("\r\n.\r\n")) say();
    });
    say();
  });
  const port = await listening(server);
  return {
    hop: { host: "127.0.0.1", port },
    heard: () => heard,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}

async function listening(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function closedPort(): Promise<number> {
  const server = createServer();
  const port = await listening(server);
  const closed = once(server, "close");
  server.close();
  await closed;
  return port;
}
