/** Logins that die with their process are no failures: whoever types the right password is let in afterwards. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { engines } from "../support/engines.ts";
import { makeLoneServer, PASSWORD, READER } from "../support/lone-server.ts";
import { RawSmtp } from "../support/raw-smtp.ts";

/** More than the wrong passwords that close an account for a network. */
const LOGINS = 12;
const AUTH = `AUTH PLAIN ${Buffer.from(`\0${READER}\0${PASSWORD}`).toString("base64")}`;

for (const { engine, place } of engines()) {
  test(`${engine}: a right password is taken after a crash in which twelve logins died`, async () => {
    const dir = await mkdtemp(join(tmpdir(), "sealpost-login-crash-"));
    try {
      const { readOnly: _, ...database } = await place();
      const listen = { submission: { host: "127.0.0.1", port: 0 } };
      const server = await makeLoneServer(dir, database, { listen });
      const tls = {
        ca: await readFile(join(dir, "pki/ca.pem"), "utf8"),
        serverName: "mail.alpha.test",
      };
      {
        await using gateway = await server.serve("gateway");
        const clients = await Promise.all(
          Array.from({ length: LOGINS }, async () =>
            RawSmtp.connect(gateway.place("submission"), tls),
          ),
        );
        await Promise.all(clients.map(async (client) => client.ask("EHLO c.test")));
        for (const client of clients) client.write(`${AUTH}\r\n`);
        // One that was answered shows that they are under way.
        await Promise.race(clients.map(async (client) => client.reply()));
        await gateway.process.kill();
        for (const client of clients) await client[Symbol.asyncDispose]();
      }
      await using gateway = await server.serve("gateway");
      await using client = await RawSmtp.connect(gateway.place("submission"), tls);
      await client.ask("EHLO c.test");
      assert.match(await client.ask(AUTH), /^235/);
    } finally {
      await rm(dir, { recursive: true, force: true });
    }
  });
}
