import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:net";
import { test } from "node:test";
import { reservePorts } from "./ports.ts";

test("reserved ports are free for their server and given to nobody else", async () => {
  const hosts = Array.from({ length: 20 }, () => "127.0.0.2");
  await using first = await reservePorts(hosts);
  await using second = await reservePorts(hosts);
  assert.equal(new Set([...first.ports, ...second.ports]).size, 40);
  const server = createServer().listen(first.ports[0], "127.0.0.2");
  await once(server, "listening");
  server.close();
  await once(server, "close");
});
