/** One session for many messages: what is saved by it, and that nothing is lost, doubled or sent to the wrong hop by it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Socket } from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";

import { connectionsOf, relayTo as handTo } from "../../../test/support/hand-to-hop.ts";
import { startNextHop } from "../../../test/support/next-hop-server.ts";
import { listen, MESSAGE, NAME, withPki } from "../../../test/support/test-listener.ts";
import { parseAddress } from "../../mail/address.ts";
import type { Hop, Relay, RelayTimeouts } from "./hop.ts";
import { IdleSessions } from "./idle-sessions.ts";
import { relayWith } from "./relay.ts";

const given = withPki();

const relayTo = (hop: Hop, idle: IdleSessions, timeouts: Partial<RelayTimeouts> = {}): Relay =>
  relayWith({ hopFor: () => hop, hostname: "mail.alpha.test", idle, timeouts });

async function send(relay: Relay, text = MESSAGE): Promise<string> {
  const bob = parseAddress("bob@beta.test");
  assert(bob);
  const { recipients } = await relay({ from: bob, recipients: [bob] }, Buffer.from(text));
  const [{ outcome } = assert.fail()] = recipients;
  return outcome.kind === "accepted" ? "accepted" : outcome.temporary ? "temporary" : "permanent";
}

test("messages that follow each other share a session, over TLS too, and arrive as they were given", async () => {
  await using hop = await listen("mx", { tls: given().issued });
  using idle = new IdleSessions();
  const relay = relayTo(hop, idle);
  const texts = [1, 2, 3].map((number) => `${MESSAGE}number ${String(number)}\r\n`);
  for (const text of texts) assert.equal(await send(relay, text), "accepted");
  assert.deepEqual(
    hop.taken.map(({ text }) => text),
    texts,
  );
  assert.deepEqual(
    hop.taken.map(({ client }) => client.isTls),
    [true, true, true],
  );
  assert.equal(new Set(hop.taken.map(({ client }) => client.id)).size, 1);
});

test("a session goes to no hop that asks for more than it gave", async () => {
  await using hop = await listen("mx", { tls: given().issued });
  using idle = new IdleSessions();
  const { host, port } = hop;
  assert.equal(await send(relayTo({ host, port }, idle)), "accepted");
  const checked = { host, port, tls: "required", serverName: "mail.beta.test" } as const;
  assert.equal(await send(relayTo({ ...checked, caFile: given().pki.caFile }, idle)), "temporary");
  const right = { ...checked, serverName: NAME, caFile: given().pki.caFile };
  assert.equal(await send(relayTo(right, idle)), "accepted");
  assert.equal(hop.taken.length, 2);
});

test("a connection takes so many messages, and waits so long, as is configured", async () => {
  await using server = await startNextHop();
  using idle = new IdleSessions(() => ({ messages: 2 }));
  const send = handTo(server.place, idle);
  for (let count = 0; count < 5; count += 1) assert.equal(await send(), "accepted");
  assert.equal(connectionsOf(server), 3);
  let idleMs = 0;
  using never = new IdleSessions(() => ({ idleMs }));
  const again = handTo(server.place, never);
  await again();
  await again();
  assert.equal(connectionsOf(server), 5);
  idleMs = 60_000;
  await again();
  await again();
  assert.equal(connectionsOf(server), 6);
});

test("a session ends by itself, and with what holds it", async () => {
  const server = await talking([["taken", "taken"], ["taken"], ["taken"]]);
  await using _server = server;
  {
    using idle = new IdleSessions(() => ({ idleMs: 50 }));
    const relay = relayTo(server.hop, idle);
    assert.equal(await send(relay), "accepted");
    await sleep(300);
    assert.equal(server.open(), 0);
    assert.equal(await send(relay), "accepted");
    assert.equal(server.open(), 1);
  }
  await sleep(100);
  assert.equal(server.open(), 0);
  assert.equal(server.heard().split("QUIT\r\n").length - 1, 2);
  assert.equal(server.connections(), 2);
});

for (const [name, then] of [
  ["has ended the session meanwhile", "ended"],
  ["ends the session when it hears of the next message", "closed at MAIL"],
  ["takes no more mail in the session", "421 at MAIL"],
  ["refuses for good more mail in the session", "550 at MAIL"],
] as const) {
  test(`where the hop ${name} the message is handed over in another session, once`, async () => {
    const server = await talking([["taken", then], ["taken"]]);
    await using _server = server;
    using idle = new IdleSessions();
    const relay = relayTo(server.hop, idle);
    assert.equal(await send(relay), "accepted");
    await sleep(50);
    assert.equal(await send(relay), "accepted");
    assert.equal(server.connections(), 2);
    assert.equal(server.messages(), 2);
  });
}

for (const [name, then] of [
  ["gives no answer to the message", "silent after data"],
  ["refuses the message", "refused after data"],
] as const) {
  test(`where the hop ${name} in a session that was kept, nothing is sent again`, async () => {
    const server = await talking([["taken", then], ["taken"]]);
    await using _server = server;
    using idle = new IdleSessions();
    const relay = relayTo(server.hop, idle, { finalReplyMs: 200 });
    assert.equal(await send(relay), "accepted");
    assert.equal(await send(relay), then.startsWith("silent") ? "temporary" : "permanent");
    assert.equal(server.connections(), 1);
    assert.equal(server.messages(), 2);
  });
}

test("a reply that belongs to the message before is not taken for one to the next message", async () => {
  const server = await talking([["taken", "a reply too many at MAIL"], ["taken"]]);
  await using _server = server;
  using idle = new IdleSessions();
  const relay = relayTo(server.hop, idle);
  assert.equal(await send(relay), "accepted");
  assert.equal(await send(relay), "temporary");
  assert.equal(server.messages(), 1);
  assert.equal(await send(relay), "accepted");
  assert.equal(server.connections(), 2);
});

type Behaviour =
  | "taken"
  | "ended"
  | "closed at MAIL"
  | "421 at MAIL"
  | "550 at MAIL"
  | "a reply too many at MAIL"
  | "silent after data"
  | "refused after data";

/** What a hop says to MAIL where it is more than a yes; where it is a no, that is also what it says to RCPT. */
function saidAtMail(behaviour: Behaviour | undefined): string | undefined {
  if (behaviour === "421 at MAIL") return "421 4.7.0 enough\r\n503 5.5.1 no";
  if (behaviour === "550 at MAIL") return "550 5.7.0 too many messages\r\n503 5.5.1 no";
  return behaviour === "a reply too many at MAIL" ? "250 2.0.0 late\r\n250 2.0.0 ok" : undefined;
}

/** A hop that does this to the messages of each connection, in turn. */
async function talking(connections: readonly (readonly Behaviour[])[]) {
  const sockets = new Set<Socket>();
  let [heard, opened, messages] = ["", 0, 0];
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    const behaviours = [...(connections[opened++] ?? [])];
    let [now, isInData] = [behaviours.shift(), false];
    const say = (text: string): void => void socket.write(`${text}\r\n`);
    const over = (): void => {
      messages += 1;
      isInData = false;
      if (now === "refused after data") say("550 5.7.1 spam");
      if (now === "taken") say("250 2.0.0 taken");
      now = behaviours.shift();
      if (now === "ended") socket.end("421 4.4.2 idle for too long\r\n");
    };
    const line = (text: string): void => {
      if (isInData) return text === "." ? over() : undefined;
      if (text.startsWith("EHLO")) return say("250-hop\r\n250 PIPELINING");
      if (text.startsWith("MAIL") && now === "closed at MAIL") return void socket.destroy();
      const atMail = saidAtMail(now);
      if (text.startsWith("MAIL") && atMail !== undefined) return say(atMail);
      if (text === "DATA") {
        isInData = true;
        return say("354 go");
      }
      if (text === "QUIT") return void socket.end("221 2.0.0 bye\r\n");
      if (atMail === undefined || atMail.startsWith("250")) say("250 2.0.0 ok");
    };
    say("220 hop");
    let rest = "";
    socket.on("data", (chunk) => {
      heard += chunk.toString();
      const lines = (rest + chunk.toString()).split("\r\n");
      rest = lines.pop() ?? "";
      lines.forEach(line);
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    hop: { host: "127.0.0.1", port } satisfies Hop,
    heard: () => heard,
    connections: () => opened,
    messages: () => messages,
    open: () => sockets.size,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}
