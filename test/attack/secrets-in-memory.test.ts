/** What a dump of the gateway's memory holds after a user has logged in, sent sealed mail and gone. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { sealpost } from "../../lab/run.ts";
import { startSink } from "../../lab/sink.ts";
import { openServiceKeys } from "../../src/app/service-key-file.ts";
import { Secret } from "../../src/base/secret.ts";
import { systemClock } from "../../src/base/time.ts";
import { openWithPassword } from "../../src/vault/master-key.ts";
import { openKeys } from "../../src/vault/open-keys.ts";
import { tagKeysUnder } from "../../src/vault/tag-keys.ts";
import { TypedPassword } from "../../src/vault/typed-password.ts";
import { parseAddress } from "../../src/mail/address.ts";
import { ownKeys } from "../../src/openpgp/keys/own-keys.ts";
import { openStore } from "../../src/store/store.ts";
import { selectSlots } from "../../src/store/keys/vault.ts";
import { makeLoneServer, READER } from "../support/lone-server.ts";
import { countInMemory, formsOf } from "../support/process-memory.ts";
import { RawSmtp } from "../support/raw-smtp.ts";
import { idAt } from "../support/accounts.ts";

const USER = "anna@alpha.test";
const PASSWORD = "Zq7-heliotrope-Vexillum-93";
const GC = `--expose-gc --import=${join(import.meta.dirname, "../support/collect-garbage.mjs")}`;

/** The secrets of the user, from the database. */
async function secretsOf(dir: string): Promise<Record<string, Uint8Array>> {
  await using store = await openStore({ engine: "sqlite", path: join(dir, "sealpost.db") });
  using serviceKeys = openServiceKeys(join(dir, "secrets/service.key"));
  store.tagKeys = tagKeysUnder(serviceKeys);
  const deps = { store, clock: systemClock, serviceKeys };
  const owner = parseAddress(USER);
  assert(owner);
  using typed = new TypedPassword(Secret.fromText(PASSWORD));
  using masterKey = await openWithPassword(deps, await idAt(store, owner), typed);
  assert(masterKey);
  const [slot] = await selectSlots(store, masterKey.id, "password");
  assert(slot);
  const { wrapping, verifier } = await typed.keysFor(slot.salt);
  using keys = await openKeys(deps, masterKey);
  const found: Record<string, Uint8Array> = {
    "the wrapping key": Buffer.from(wrapping.reveal()),
    "the verifier": Buffer.from(verifier.reveal()),
    "the master key": Buffer.from(masterKey.secret.reveal()),
  };
  for (const key of keys.all.flatMap((one) => ownKeys(one))) {
    const name = key.material.maySign ? "the key that signed" : "the key that was not used";
    key.withSecret((secret) => {
      found[name] = Buffer.from(secret.slice(-24));
    });
  }
  return found;
}

/** What may remain of a key that a thread has just used is in THREAT_MODEL.md. */
const GONE = /^the (?:password|wrapping key|verifier|master key|key that was not used)/;

test("after a login, sealed mail and a logout no password, nor a key made of it, is in the gateway's memory", async (t) => {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-memory-"));
  await using ends = new AsyncDisposableStack();
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  const sink = ends.use(await startSink({ host: "127.0.0.1", dir: join(dir, "sink") }));
  const any = { host: "127.0.0.1", port: 0 };
  const database = { engine: "sqlite", path: join(dir, "sealpost.db") };
  const server = await makeLoneServer(dir, database, {
    listen: { submission: any, lmtp: any, metrics: any, keyserver: any },
    relay: { host: sink.host, port: sink.port },
  });
  const add = ["account", "add", USER, "--custody", "user", "--password-stdin"];
  await sealpost(server.config, add, { input: PASSWORD });
  const before = process.env["NODE_OPTIONS"];
  process.env["NODE_OPTIONS"] = GC;
  const gateway = ends.use(await server.serve("gateway"));
  if (before === undefined) delete process.env["NODE_OPTIONS"];
  else process.env["NODE_OPTIONS"] = before;

  const ca = await readFile(join(dir, "pki/ca.pem"), "utf8").catch(() => "");
  {
    await using client = await RawSmtp.connect(gateway.place("submission"), {
      ca,
      serverName: "mail.alpha.test",
    });
    const token = Buffer.from(`\0${USER}\0${PASSWORD}`).toString("base64");
    const text = `From: ${USER}\r\nTo: ${READER}\r\nSubject: s\r\n\r\n${"text\r\n".repeat(200)}.`;
    const lines = [`MAIL FROM:<${USER}>`, `RCPT TO:<${READER}>`, "DATA", text, "QUIT"];
    await client.ask("EHLO c.test");
    assert.match(await client.ask(`AUTH PLAIN ${token}`), /^235 /);
    for (const line of lines) assert.match(await client.ask(line), /^[23]/, line);
  }
  const [mail] = await sink.received();
  assert.match(Buffer.from(mail?.message ?? []).toString(), /BEGIN PGP MESSAGE/);
  process.kill(gateway.process.pid, "SIGUSR2");
  while (!/^collected$/m.test(await gateway.log())) await sleep(20);

  const needles = { ...formsOf("the password", PASSWORD), ...(await secretsOf(dir)) };
  const control = formsOf("the user", USER);
  const counts = await countInMemory(gateway.process.pid, { ...needles, ...control });
  for (const [name, count] of Object.entries(counts)) t.diagnostic(`${name}: ${String(count)}`);
  // The search finds what is there.
  assert.notEqual(counts["the user as UTF-8"], 0);
  for (const [name, count] of Object.entries(counts))
    if (GONE.test(name)) assert.equal(count, 0, name);
});
