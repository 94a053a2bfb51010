/** What an operator does to accounts, as typed, and what the audit log says of it. */
import assert from "node:assert/strict";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { sql } from "kysely";

import { openGnupg, type Gnupg } from "../../lab/gnupg.ts";
import { openCli, type Cli } from "../../test/support/cli.ts";
import { openStore, type Store } from "../store/store.ts";

let cli: Cli;
let dir: string;
/** Where the organisation has its escrow key. */
let gnupg: Gnupg;
const sealpost: Cli["sealpost"] = async (args, input) => cli.sealpost(args, input);
const attempt: Cli["attempt"] = async (args, input) => cli.attempt([...args, "--json"], input);

before(async () => {
  cli = await openCli();
  dir = cli.dir;
  gnupg = await openGnupg({ home: join(dir, "gnupg") });
  const made = ["--passphrase", "", "--quick-generate-key", "escrow@alpha.test", "default"];
  assert.equal((await gnupg.gpg([...made, "default", "1y"])).code, 0);
  await writeFile(join(dir, "escrow.asc"), (await gnupg.gpg(["--armor", "--export"])).stdout);
  const lines = `[escrow]\ncertificate_file = ${JSON.stringify(join(dir, "escrow.asc"))}\n`;
  const text = await readFile(cli.config, "utf8");
  await writeFile(cli.config, text.replace("[escrow]\n", lines));
});

after(async () => {
  await gnupg[Symbol.asyncDispose]();
  await cli[Symbol.asyncDispose]();
});

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

test("a user's language can be set, shown and removed, and each change of it is in the audit log", async () => {
  const address = await add("cleo");
  const language = async (...more: readonly string[]) => {
    const view = await sealpost(["account", "language", address, ...more]);
    return [view["language"], view["languageInForce"]];
  };
  assert.deepEqual(await language(), [null, "en"]);
  assert.deepEqual(await language("de"), ["de", "de"]);
  assert.deepEqual(await language(), ["de", "de"]);
  assert.deepEqual(await language("default"), [null, "en"]);
  const by = "operator";
  assert.deepEqual(await audited(address, "language.changed"), [
    { from: "default", to: "de", by },
    { from: "de", to: "default", by },
  ]);
  const wrong = await attempt(["account", "language", address, "tlh"]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.err, /a language is one of: en, de, fr, default/);
});

test("the language of the installation holds for who has none of their own", async () => {
  const [own, none] = [await add("dora"), await add("dina")];
  await sealpost(["account", "language", own, "fr"]);
  const text = await readFile(cli.config, "utf8");
  await writeFile(cli.config, text.replace(/^#?\[notices\]$/m, '[notices]\nlanguage = "de"'));
  const shown = async (address: string) => {
    const { out } = await cli.attempt(["account", "show", address]);
    return /^language +(.*)$/m.exec(out)?.[1];
  };
  assert.equal(await shown(none), "de (of the installation)");
  assert.equal(await shown(own), "fr (own)");
  await writeFile(cli.config, text);
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
  const { fingerprint } = await sealpost(["key", "show", address]);
  const again = await attempt(["account", "escrow", address, "delete", stdin], "secret two\n");
  assert.equal(again.code, 1);
  assert.match(again.err, /has no escrow; nothing is changed/);
  assert.equal((await sealpost(["key", "show", address]))["fingerprint"], fingerprint);
});

test("aliases are added, shown and removed, and another name makes the first one an alias", async () => {
  const address = await add("di");
  const stdin = "--password-stdin";
  const alias = ["account", "alias", address];
  const waiting = await cli.attempt([...alias, "add", "d.late@alpha.test"]);
  assert.match(waiting.out, /d\.late@alpha\.test has no certificate yet: its owner's next login/);
  const now = await cli.attempt([...alias, "add", "d.now@alpha.test", stdin], "secret one\n");
  assert.equal(now.out, `${address}: d.late@alpha.test, d.now@alpha.test\n`);
  assert.equal((await sealpost(["key", "show", "d.now@alpha.test"]))["state"], "active");
  assert.deepEqual((await sealpost([...alias, "remove", "d.late@alpha.test"]))["aliases"], [
    "d.now@alpha.test",
  ]);
  for (const wrong of [["add"], ["sell", "d@alpha.test"]]) {
    const { code, err } = await attempt([...alias, ...wrong]);
    assert.equal(code, 2);
    assert.match(err, /add ALIAS or remove ALIAS/);
  }
  const rename = ["account", "rename", address, "diana@alpha.test"];
  const renamed = await sealpost([...rename, stdin], "secret one\n");
  assert.deepEqual([renamed["address"], renamed["alias"]], ["diana@alpha.test", address]);
  const { code, err } = await attempt(["account", "show", address]);
  assert.equal(code, 1);
  assert.match(err, /di@alpha\.test is an alias: the account is diana@alpha\.test/);
});

test("an account that was added for a key on its owner's device can be given one here", async () => {
  const [address, stdin] = ["hal@alpha.test", "--password-stdin"];
  const add = ["account", "add", address, "--custody", "device", stdin];
  assert.equal((await sealpost(add, "secret one\n"))["fingerprint"], null);
  const rotate = await attempt(["key", "rotate", address]);
  assert.match(rotate.err, /on its owner's device.*account custody hal@alpha\.test user/);
  const custody = ["account", "custody", address];
  assert.match(
    (await attempt([...custody, "provider", stdin], "secret one\n")).err,
    /has no key here/,
  );
  const wrong = await attempt([...custody, "user", stdin], "secret two\n");
  assert.match(wrong.err, /not the password of hal@alpha\.test/);
  assert.equal((await sealpost(["account", "show", address]))["custody"], "user-device-only");
  const { fingerprint, recoveryCode } = await sealpost([...custody, "user", stdin], "secret one\n");
  assert(typeof recoveryCode === "string");
  const shown = await sealpost(["account", "show", address]);
  assert.deepEqual([shown["custody"], shown["fingerprint"]], ["unlocks-at-login", fingerprint]);
  assert.equal((await attempt(["account", "escrow", address, "show"])).code, 0);
  await sealpost([...custody, "provider", stdin], "secret one\n");
});

test("who can use the keys, and which pair the mailbox has, can be chosen and is shown", async () => {
  const address = await add("flo");
  const stdin = "--password-stdin";
  const { fingerprint } = await sealpost(["key", "show", address]);
  await sealpost(["account", "custody", address, "provider", stdin], "secret one\n");
  const open = await sealpost(["account", "show", address]);
  assert.deepEqual([open["custody"], open["fingerprint"]], ["provider-usable", fingerprint]);
  await sealpost(["account", "custody", address, "user", stdin], "secret one\n");
  const back = await sealpost(["account", "show", address]);
  assert.equal(back["custody"], "unlocks-at-login");
  assert.notEqual(back["fingerprint"], fingerprint);
  assert.notEqual(back["providerUntil"], null);
  await sealpost(["account", "mailbox-key", address, "separate", stdin], "secret one\n");
  assert.match(
    (await cli.attempt(["account", "show", address])).out,
    /mailbox key  one of its own/,
  );
});

test("an account without a password says that the provider can use its key, until its first login", async () => {
  const address = "pia@alpha.test";
  const added = await cli.attempt(["account", "add", address, "--no-password"]);
  assert.match(added.out, /^added pia@alpha\.test, provider-usable until the first login$/m);
  const before = await sealpost(["account", "show", address]);
  assert.deepEqual([before["custody"], before["isProvisional"]], ["provider-usable", true]);
  assert.equal((await sealpost(["key", "show", address]))["custody"], "provider-usable");
  const shown = await cli.attempt(["account", "show", address]);
  assert.match(shown.out, /^custody +provider-usable until the first login$/m);
  await sealpost(["account", "reset", address, "--password-stdin"], "secret one\n");
  const after = await sealpost(["account", "show", address]);
  assert.deepEqual([after["custody"], after["isProvisional"]], ["unlocks-at-login", false]);
  assert.notEqual(after["providerUntil"], null);
});

test("a closed account says until when it can be opened again, an erased one is gone", async () => {
  const address = await add("gil");
  const closed = await cli.attempt(["account", "remove", address]);
  assert.match(closed.out, /its keys have ended/);
  assert.match((await cli.attempt(["account", "list"])).out, /^gil@alpha\.test .*closed$/m);
  const { out } = await cli.attempt(["account", "show", address]);
  assert.match(out, /closed since .*, deleted after .* \(before: sealpost account reopen\)/);
  assert.equal((await sealpost(["account", "reopen", address]))["state"], "open");
  const again = await attempt(["account", "reopen", address]);
  assert.equal(again.code, 1);
  assert.match(again.err, /is not closed/);
  await sealpost(["key", "rotate", address, "--password-stdin"], "secret one\n");
  assert.equal((await attempt(["account", "remove", address, "--erase"])).code, 2);
  await sealpost(["account", "remove", address, "--erase", "--yes"]);
  assert.equal((await attempt(["account", "show", address])).code, 1);
  const later = ["account", "add", "kit@alpha.test", "--no-password", "--later"];
  await sealpost(later);
  const keyless = await cli.attempt(["account", "remove", "kit@alpha.test"]);
  assert.match(keyless.out, /it had no active key/);
});

async function decrypted(message: unknown): Promise<string> {
  const { code, stdout, stderr } = await gnupg.gpg(["--decrypt"], { input: String(message) });
  assert.equal(code, 0, stderr);
  return stdout.toString();
}
