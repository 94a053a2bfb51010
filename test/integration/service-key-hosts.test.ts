/** Two gateways of two hosts on one PostgreSQL, whose service key is replaced on one of them. */
import assert from "node:assert/strict";
import { copyFile, cp, mkdtemp, readFile, rm, utimes } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { startPostgres } from "../../lab/postgres.ts";
import { run, sealpost, sealpostCommand } from "../../lab/run.ts";
import { HOUR, MINUTE, after, systemClock } from "../../src/base/time.ts";
import {
  installedAt,
  makeLoneServer,
  PASSWORD,
  READER,
  type Serving,
} from "../support/lone-server.ts";
import { RawSmtp } from "../support/raw-smtp.ts";

const FILES = ["service.key.former", "service.key"] as const;

/** The reply to a login at a gateway. */
async function logIn(gateway: Serving, ca: string): Promise<string> {
  const tls = { ca, serverName: "mail.alpha.test" };
  await using client = await RawSmtp.connect(gateway.place("submission"), tls);
  await client.ask("EHLO client.test");
  const token = Buffer.from(`\0${READER}\0${PASSWORD}`).toString("base64");
  return await client.ask(`AUTH PLAIN ${token}`);
}

test("the service key is replaced on one of two hosts, follows to the other, and is retired when neither uses the former one", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-hosts-"));
  await using ends = new AsyncDisposableStack();
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  const server = ends.use(await startPostgres());
  const [a, b] = [join(dir, "a"), join(dir, "b")];
  const any = { host: "127.0.0.1", port: 0 };
  const database = { engine: "postgres", url: await server.newDatabase() };
  const here = await makeLoneServer(a, database, { listen: { submission: any, lmtp: any } });
  await cp(a, b, { recursive: true });
  const there = installedAt(b);
  const [first, second] = [await here.serve("gateway"), await there.serve("gateway")];
  ends.use(first);
  ends.use(second);
  const ca = await readFile(join(a, "pki/ca.pem"), "utf8");
  for (const gateway of [first, second]) assert.match(await logIn(gateway, ca), /^235 /);

  const command = (args: readonly string[]) =>
    run(sealpostCommand, [...args, "--config", here.config]);
  await sealpost(here.config, ["service-key", "rotate"]);
  assert.match(await logIn(first, ca), /^235 /, "a running process takes the new key up");
  assert.match(await logIn(second, ca), /^454 /, "a host without the key refuses for now");

  // What is in hand is written within ten minutes; this is as if they had passed.
  const since = after(systemClock.now(), -HOUR);
  await utimes(join(a, "secrets/service.key.former"), since, since);
  const refused = await command(["service-key", "retire"]);
  assert.notEqual(refused.code, 0);
  assert.match(refused.stderr, new RegExp(`:${String(second.process.pid)}\\b`));

  for (const name of FILES) await copyFile(join(a, "secrets", name), join(b, "secrets", name));
  assert.match(await logIn(second, ca), /^235 /, "the other host has followed");
  const limit = AbortSignal.timeout(5 * MINUTE);
  let tries = 0;
  for (;;) {
    limit.throwIfAborted();
    tries += 1;
    const { code, stderr } = await command(["service-key", "retire"]);
    if (code === 0) break;
    assert.match(stderr, /write|use/);
    await sleep(5000);
  }
  t.diagnostic(`retired at try ${String(tries)}`);
  for (const gateway of [first, second]) assert.match(await logIn(gateway, ca), /^235 /);
});
