import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer, type AddressInfo } from "node:net";
import { test } from "node:test";

import { listen } from "../../test/support/test-listener.ts";
import { listeningFor } from "./listening.ts";

test("a port that is taken is named with the table and with how to find who has it", async () => {
  const other = createServer().listen(0, "127.0.0.1");
  await once(other, "listening");
  const { port } = other.address() as AddressInfo;
  const place = { host: "127.0.0.1", port };
  using _other = { [Symbol.dispose]: () => other.close() };
  await assert.rejects(
    listeningFor("mx", place, listen("mx", place)),
    new RegExp(
      `^AppError: cannot listen at 127\\.0\\.0\\.1:${port} \\(\\[listen\\.mx\\]\\): another program .*ss -ltnp 'sport = :${port}'`,
    ),
  );
});

test("an address that this machine does not have says so", async () => {
  const place = { host: "192.0.2.1", port: 0 };
  await assert.rejects(
    listeningFor("lmtp", place, listen("lmtp", place)),
    /this machine has no such address/,
  );
});
