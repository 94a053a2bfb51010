/** What the private listener says while a next hop is down, and the log with it. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server } from "node:net";
import { test } from "node:test";

import { startHealth, type HealthSources } from "./health.ts";
import { NextHops } from "./next-hop.ts";

/** A hop that greets with a line, at a port (0: any). */
async function startHop(greeting = "220 hop.test", port = 0): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.write(`${greeting}\r\n`);
    socket.on("data", () => socket.end("221 bye\r\n"));
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return server;
}

const portOf = (server: Server): number => (server.address() as AddressInfo).port;

async function stop(server: Server): Promise<void> {
  await new Promise((resolve) => server.close(resolve));
}

function watched(port: number) {
  const said: (string | undefined)[] = [];
  let now = 0;
  const hops = new NextHops({
    relay: () => ({ host: "127.0.0.1", port, hosts: {} }),
    events: { hopChanged: (_hop, why) => said.push(why) },
    monotonicMs: () => now,
  });
  const sources: HealthSources = {
    testResolver: async () => Promise.resolve(true),
    guard: { look: async () => Promise.resolve({ kind: "good" }) },
    hops,
    clockTrouble: async () => Promise.resolve(undefined),
    metrics: async () => Promise.resolve({ type: "text/plain; version=0.0.4", text: "figure 1\n" }),
  };
  return {
    hops,
    said,
    sources,
    pass: () => {
      now += 11_000;
    },
  };
}

async function get(port: number, path: string) {
  const response = await fetch(`http://127.0.0.1:${String(port)}${path}`);
  const type = response.headers.get("content-type");
  return { status: response.status, type, text: await response.text() };
}

test("while the next hop is down /readyz says degraded, and the log says so once, and once when it is over", async () => {
  const first = await startHop();
  const port = portOf(first);
  const { sources, said, pass } = watched(port);
  await using health = await startHealth({ host: "127.0.0.1", port: 0 }, sources);
  assert.deepEqual(await get(health.port, "/readyz"), {
    status: 200,
    type: "text/plain",
    text: "ready\n",
  });
  await stop(first);
  pass();
  const down = await get(health.port, "/readyz");
  assert.equal(down.status, 200);
  assert.match(
    down.text,
    new RegExp(`^degraded: the next hop 127\\.0\\.0\\.1:${port} gives no answer: `),
  );
  pass();
  await get(health.port, "/readyz");
  assert.equal(said.length, 1);
  assert(said[0] !== undefined);
  const again = await startHop("220 hop.test", port);
  pass();
  assert.equal((await get(health.port, "/readyz")).text, "ready\n");
  assert.deepEqual(said.slice(1), [undefined]);
  await stop(again);
});

test("a hop that greets with a refusal does not answer, and mail that failed tells of it at once", async () => {
  const hop = await startHop("554 not for you");
  const { hops, said } = watched(portOf(hop));
  const [state] = await hops.look();
  assert.match(state?.why ?? "", /554/);
  await stop(hop);
  const good = await startHop();
  const other = watched(portOf(good));
  await other.hops.look();
  other.hops.failed({ host: "127.0.0.1", port: portOf(good) }, new Error("it hung up"));
  assert.deepEqual(other.said, ["it hung up"]);
  await other.hops.look();
  assert.deepEqual(other.said, ["it hung up", undefined]);
  assert.equal(said.length, 1);
  await stop(good);
});

test("a clock that was set back makes /readyz degraded, and is named", async () => {
  const hop = await startHop();
  const { sources } = watched(portOf(hop));
  const clockTrouble = async () => Promise.resolve("the clock was set back");
  await using health = await startHealth(
    { host: "127.0.0.1", port: 0 },
    { ...sources, clockTrouble },
  );
  assert.equal((await get(health.port, "/readyz")).text, "degraded: the clock was set back\n");
  await stop(hop);
});

test("figures are beside /healthz on the private listener", async () => {
  const { sources } = watched(9);
  await using health = await startHealth({ host: "127.0.0.1", port: 0 }, sources);
  assert.deepEqual(await get(health.port, "/metrics"), {
    status: 200,
    type: "text/plain; version=0.0.4",
    text: "figure 1\n",
  });
  assert.equal((await get(health.port, "/healthz")).text, "ok\n");
  assert.equal((await get(health.port, "/other")).status, 404);
});
