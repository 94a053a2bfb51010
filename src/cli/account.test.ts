/** What an operator does to accounts, as he types it, and what the audit log says of it. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";

import { sql } from "kysely";

import { openGnupg, type Gnupg } from "../../lab/gnupg.ts";
import { openStore, type Store } from "../store/store.ts";
import { runCli } from "./cli.ts";

let dir: string;
let config: string;
/** Where the organisation has its escrow key. */
let gnupg: Gnupg;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-accounts-"));
  config = join(dir, "sealpost.toml");
  await sealpost(["init", "--domain", "alpha.test"]);
  gnupg = await openGnupg({ home: join(dir, "gnupg") });
  const made = ["--passphrase", "", "--quick-generate-key", "escrow@alpha.test", "default"];
  assert.equal((await gnupg.gpg([...made, "default", "1y"])).code, 0);
  await writeFile(join(dir, "escrow.asc"), (await gnupg.gpg(["--armor", "--export"])).stdout);
  const lines = `[escrow]\ncertificate_file = ${JSON.stringify(join(dir, "escrow.asc"))}\n`;
  await writeFile(config, (await readFile(config, "utf8")).replace("[escrow]\n", lines));
});

after(async () => {
  await gnupg[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

type Answer = { readonly code: number; readonly out: string; readonly err: string };

async function attempt(args: readonly string[], input = ""): Promise<Answer> {
  let [out, err] = ["", ""];
  const code = await runCli([...args, "--config", config, "--json"], {
    input: Readable.from([Buffer.from(input)]),
    write: (text) => {
      out += Buffer.from(text).toString();
    },
    complain: (text) => {
      err += text;
    },
  });
  return { code, out, err };
}

async function sealpost(args: readonly string[], input = ""): Promise<Record<string, unknown>> {
  const { code, out, err } = await attempt(args, input);
  assert.equal(code, 0, `${args.join(" ")}: ${err}`);
  return JSON.parse(out) as Record<string, unknown>;
}

async function add(name: string): Promise<string> {
  const address = `${name}@alpha.test`;
  await sealpost(["account", "add", address, "--password-stdin"], "secret one\n");
  return address;
}

type Entry = { readonly action: string; readonly detail: Readonly<Record<string, unknown>> };

/** What the audit log has of an account under a name, the oldest first. */
async function audited(address: string, action: string): Promise<readonly Entry["detail"][]> {
  const { out } = await attempt(["audit", "list", address]);
  const entries = JSON.parse(out) as readonly Entry[];
  return entries.filter((one) => one.action === action).map(({ detail }) => detail);
}

async function database(): Promise<Store> {
  return openStore({ engine: "sqlite", path: join(dir, "sealpost.db") });
}

test("a change of a user's policy is in the audit log, with what it was and what it is", async () => {
  const address = await add("ada");
  await sealpost(["account", "policy", address, "require"]);
  await sealpost(["account", "policy", address]);
  await sealpost(["account", "policy", address, "require"]);
  await sealpost(["account", "policy", address, "inherit"]);
  const by = "operator";
  assert.deepEqual(await audited(address, "policy.changed"), [
    { from: "inherit", to: "require", by },
    { from: "require", to: "inherit", by },
  ]);
  assert.equal((await sealpost(["audit", "verify"]))["kind"], "intact");
});

test("a policy that cannot be written to the audit log is not changed", async () => {
  const address = await add("bo");
  await sealpost(["account", "policy", address, "require"]);
  await using store = await database();
  await sql`create trigger full before insert on audit begin select raise(abort, 'full'); end`.execute(
    store.db,
  );
  const { code } = await attempt(["account", "policy", address, "off"]);
  await sql`drop trigger full`.execute(store.db);
  assert.equal(code, 1);
  assert.equal((await sealpost(["account", "policy", address]))["policy"], "require");
});

test("an organisation gets keys that a reset parked back with its escrow key, until escrow ends for good", async () => {
  const address = await add("cy");
  const stdin = "--password-stdin";
  await sealpost(["account", "reset", address, stdin], "secret two\n");
  const { former } = await sealpost(["account", "escrow", address, "show", "--former"]);
  const [parked] = former as readonly { readonly message: string }[];
  const { message } = await sealpost(["account", "escrow", address, "show"]);
  const [then, now] = await Promise.all([parked?.message, message].map(decrypted));
  const wrong = await attempt(["account", "recover", address, "--escrow", stdin], `${then}two\n`);
  assert.match(wrong.err, /add --former/);
  const reclaim = ["account", "recover", address, "--former", "--escrow", stdin];
  assert.equal((await attempt(reclaim, `secret two\n${now}`)).code, 1);
  assert.equal((await sealpost(reclaim, `secret two\n${then}`))["keys"], "reclaimed");
  assert.equal((await attempt(["account", "escrow", address, "show", "--former"])).code, 1);
  assert.deepEqual(await audited(address, "escrow.shown"), [{ former: 1 }, {}]);
  assert.deepEqual(await audited(address, "escrow.used"), [{ former: true }]);
  await sealpost(["account", "escrow", address, "delete", stdin], "secret two\n");
  assert.equal((await attempt(["account", "escrow", address, "show"])).code, 1);
});

async function decrypted(message: unknown): Promise<string> {
  const { code, stdout, stderr } = await gnupg.gpg(["--decrypt"], { input: String(message) });
  assert.equal(code, 0, stderr);
  return stdout.toString();
}
