/** The commands of a key's life, as an operator types them, on a real configuration and with real GnuPG keys. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdir, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { openGnupg, type Gnupg } from "../../lab/gnupg.ts";
import { openCli, type Cli } from "../../test/support/cli.ts";
import { wkdHash } from "../mail/wkd-hash.ts";

let cli: Cli;
let dir: string;
let gnupg: Gnupg;
const sealpost: Cli["sealpost"] = async (args, input) => cli.sealpost(args, input);
const attempt: Cli["attempt"] = async (args, input) => cli.attempt([...args, "--json"], input);

before(async () => {
  cli = await openCli();
  dir = cli.dir;
  gnupg = await openGnupg({ home: join(dir, "gnupg") });
});

after(async () => {
  await gnupg[Symbol.asyncDispose]();
  await cli[Symbol.asyncDispose]();
});

const stdin = "--password-stdin";

async function add(name: string, custody = "user"): Promise<Record<string, unknown>> {
  return sealpost(
    ["account", "add", `${name}@alpha.test`, "--custody", custody, stdin],
    "secret one\n",
  );
}

async function gpgKey(name: string, algorithm = "default"): Promise<string> {
  const made = await gnupg.gpg([
    "--passphrase",
    "",
    "--quick-generate-key",
    `${name}@alpha.test`,
    algorithm,
    "default",
    "1y",
  ]);
  assert.equal(made.code, 0, made.stderr);
  const { stdout } = await gnupg.gpg(["--with-colons", "--list-keys", `${name}@alpha.test`]);
  return /^fpr:+([0-9A-F]{40}):/m.exec(stdout.toString())?.[1] ?? "";
}

test("a recovery code is shown once, checked, used up and made anew", async () => {
  const { recoveryCode } = await add("ada");
  const address = "ada@alpha.test";
  const check = ["account", "recovery-code", address, "check", stdin];
  assert.deepEqual(await sealpost(check, `${String(recoveryCode).toLowerCase()}\n`), {
    address,
    isValid: true,
  });
  const mistyped = `${String(recoveryCode).slice(0, -1)}${String(recoveryCode).endsWith("0") ? "1" : "0"}\n`;
  const { code, err } = await attempt(check, mistyped);
  assert.equal(code, 2);
  assert.match(err, /check it for a mistake/);
  const recovered = await sealpost(
    ["account", "recover", address, stdin],
    `${String(recoveryCode)}\nsecret two\n`,
  );
  assert.equal(recovered["keys"], "kept");
  assert.notEqual(recovered["recoveryCode"], recoveryCode);
  assert.equal((await attempt(check, `${String(recoveryCode)}\n`)).code, 1);
});

test("rotating and revoking need the password, and the states of both keys say what happened", async () => {
  const { fingerprint } = await add("bo");
  const locked = await attempt(["key", "rotate", "bo@alpha.test"]);
  assert.equal(locked.code, 1);
  assert.match(locked.err, /--password-stdin/);
  await sealpost(["key", "rotate", "bo@alpha.test", stdin], "secret one\n");
  const list = await attempt(["key", "list", "bo@alpha.test"]);
  const states = (JSON.parse(list.out) as { fingerprint: string; state: string }[]).map((one) => [
    one.fingerprint === fingerprint,
    one.state,
  ]);
  assert.deepEqual(
    states.toSorted((a, b) => String(a[0]).localeCompare(String(b[0]))),
    [
      [false, "active"],
      [true, "superseded"],
    ],
  );
  const revoked = await sealpost(["key", "revoke", "bo@alpha.test"]);
  assert.equal(revoked["by"], "generic");
  assert.equal((await sealpost(["key", "show", "bo@alpha.test"]))["published"], false);
});

test("a key made by GnuPG becomes the user's key, and comes out again for GnuPG", async () => {
  await add("cy");
  const fingerprint = await gpgKey("cy");
  const file = join(dir, "cy.gpg");
  const exported = await gnupg.gpg(["--passphrase", "", "--export-secret-keys", fingerprint]);
  await writeFile(file, exported.stdout);
  const imported = await sealpost(["key", "import", "cy@alpha.test", file, stdin], "secret one\n");
  assert.equal(imported["fingerprint"], fingerprint);
  const { armor } = await sealpost(
    ["key", "export", "cy@alpha.test", "--secret"],
    "secret one\nfor export\n",
  );
  assert.match(String(armor), /^-----BEGIN PGP PRIVATE KEY BLOCK-----/);
  await using other = await openGnupg({ home: join(dir, "other") });
  const back = await other.gpg(["--passphrase", "for export", "--import"], {
    input: String(armor),
  });
  assert.match(back.stderr, /secret keys imported: 1/);
  const audit = await attempt(["audit", "list", "cy@alpha.test"]);
  assert.match(audit.out, /key\.exported/);
});

test("a key of a weak kind is refused in words, and nothing is changed", async () => {
  const { fingerprint } = await add("dee");
  const weak = await gpgKey("dee", "rsa1024");
  const exported = await gnupg.gpg(["--passphrase", "", "--export-secret-keys", weak]);
  await writeFile(join(dir, "dee.gpg"), exported.stdout);
  const args = ["key", "import", "dee@alpha.test", join(dir, "dee.gpg"), stdin];
  const { code, out, err } = await attempt(args, "secret one\n");
  assert.equal(code, 1);
  assert.match(err, /weak-algorithm/);
  const answer = JSON.parse(out) as Record<string, unknown>;
  assert.deepEqual([answer["result"], answer["fingerprint"]], ["weak-algorithm", null]);
  assert.equal((await sealpost(["key", "show", "dee@alpha.test"]))["fingerprint"], fingerprint);
});

test("a certificate alone is taken when its owner proves that he has the key", async () => {
  // Nothing is made here for an account whose key is to stay with its owner.
  const added = await add("eve", "device");
  assert.deepEqual([added["fingerprint"], added["recoveryCode"]], [null, null]);
  assert.match((await cli.attempt(["account", "show", "eve@alpha.test"])).out, /key +none/);
  const fingerprint = await gpgKey("eve");
  const file = join(dir, "eve.asc");
  await writeFile(file, (await gnupg.gpg(["--armor", "--export", fingerprint])).stdout);
  const bring = ["key", "import", "eve@alpha.test", file, "--public"];
  const { challenge } = await sealpost(bring);
  const { stdout: text } = await gnupg.gpg(["--decrypt"], { input: String(challenge) });
  const signed = await gnupg.gpg(["--armor", "--local-user", fingerprint, "--detach-sign"], {
    input: text,
  });
  const proof = join(dir, "proof.asc");
  await writeFile(proof, signed.stdout);
  const imported = await sealpost([...bring, "--proof", proof]);
  assert.equal(imported["fingerprint"], fingerprint);
  const shown = await sealpost(["account", "show", "eve@alpha.test"]);
  assert.equal(shown["custody"], "user-device-only");
});

test("a key on its owner's device that is replaced is served no longer, and how to say it is revoked is said", async () => {
  const address = "ivy@alpha.test";
  await sealpost(["account", "add", address, "--no-password", "--later"]);
  const [folder, revocation] = [join(dir, "ivy-hu"), join(dir, "ivy.rev")];
  await mkdir(folder);
  const first = await gpgKey("ivy");
  const { stdout } = await gnupg.gpg(["--export", first]);
  await writeFile(join(folder, wkdHash("ivy")), stdout);
  await sealpost(["key", "import-wkd", folder, "--domain", "alpha.test"]);
  const revoked = await attempt(["key", "revoke", address]);
  assert.equal(revoked.code, 0);
  assert.match(revoked.err, new RegExp(`${first} ended without.*key publish-revocation ADDRESS`));
  const show = async () => (await cli.attempt(["key", "show", address])).out;
  assert.match(await show(), /published +no: it ended without a revocation/);
  await cp(join(gnupg.home, "openpgp-revocs.d", `${first}.rev`), revocation);
  const published = await attempt(["key", "publish-revocation", address, revocation]);
  assert.deepEqual([published.code, published.err], [0, ""]);
  assert.match(await show(), /published +by fingerprint only/);
});

test("a subkey that its owner revoked is published so, and what that means is said", async () => {
  const address = "eve@alpha.test";
  const editing = ["--no-batch", "--command-fd", "0", "--edit-key", address];
  // Yes; 1: compromised; no description; yes.
  const edited = await gnupg.gpg(editing, { input: "key 1\nrevkey\ny\n1\n\ny\nsave\n" });
  assert.equal(edited.code, 0, edited.stderr);
  const { stdout } = await gnupg.gpg(["--armor", "--export", address]);
  const upload = stdout.toString();
  const strangers = await attempt(["key", "publish-revocation", "bo@alpha.test", "-"], upload);
  assert.notEqual(strangers.code, 0);
  assert.match(strangers.err, /no revocation of a key that the account has or had/);
  const published = await sealpost(["key", "publish-revocation", address, "-"], upload);
  assert.deepEqual([published["address"], published["state"]], [address, "compromised"]);
  const shown = await sealpost(["key", "show", address]);
  assert.deepEqual([shown["state"], shown["published"]], ["compromised", false]);
  const again = await sealpost(["key", "publish-revocation", address, "-"], upload);
  assert.equal(again["kind"], "known");
});

type Taken = {
  readonly imported: number;
  readonly refused: number;
  readonly accounts: readonly { readonly address: string; readonly result: string }[];
};

test("a GnuPG home is taken over for the accounts it fits, and what is left says why", async () => {
  await add("fay", "provider");
  const later = ["account", "add", "ida@alpha.test", "--no-password", "--later"];
  await sealpost(later);
  await sealpost(["account", "alias", "fay@alpha.test", "add", "f.quill@alpha.test"]);
  const fingerprint = await gpgKey("fay");
  const alias = await gpgKey("f.quill");
  await gpgKey("ida");
  const { code, out } = await attempt(["key", "import-gnupg", gnupg.home]);
  const { imported, refused, accounts } = JSON.parse(out) as Taken;
  // What was there and was not taken makes it a failure.
  assert.deepEqual([code, imported, refused], [1, 2, 5]);
  assert.equal((await sealpost(["key", "show", "fay@alpha.test"]))["fingerprint"], fingerprint);
  assert.equal((await sealpost(["key", "show", "f.quill@alpha.test"]))["fingerprint"], alias);
  const result = (name: string) => accounts.find(({ address }) => address === name)?.result ?? "";
  assert.equal(result("cy@alpha.test"), "password-needed");
  assert.equal(result("ida@alpha.test"), "no-key-here");
  assert.equal(result("ada@alpha.test"), "absent");
  const text = (await cli.attempt(["key", "import-gnupg", gnupg.home])).out;
  assert.match(text, /cy@alpha\.test +its keys open with the password only/);
  assert.match(text, /ida@alpha\.test +has no key here yet: first sealpost account enrol/);
});

test("a Web Key Directory is taken over for accounts without a key", async () => {
  const folder = join(dir, "hu");
  await mkdir(folder);
  await sealpost(["account", "add", "hal@alpha.test", "--no-password", "--later"]);
  const fingerprint = await gpgKey("hal");
  const { stdout } = await gnupg.gpg(["--export", fingerprint]);
  await writeFile(join(folder, wkdHash("hal")), stdout);
  await writeFile(join(folder, wkdHash("bo")), stdout);
  await sealpost(["account", "alias", "hal@alpha.test", "add", "h.quill@alpha.test"]);
  const alias = await gpgKey("h.quill");
  await writeFile(join(folder, wkdHash("h.quill")), (await gnupg.gpg(["--export", alias])).stdout);
  const all = ["key", "import-wkd", folder, "--domain", "alpha.test"];
  const { imported, accounts } = (await sealpost(all)) as Taken;
  assert.equal(imported, 2);
  assert.equal((await sealpost(["key", "show", "h.quill@alpha.test"]))["fingerprint"], alias);
  const shown = await sealpost(["key", "show", "hal@alpha.test"]);
  assert.deepEqual(
    [shown["fingerprint"], shown["custody"], shown["published"]],
    [fingerprint, "user-device-only", true],
  );
  const result = (name: string) => accounts.find(({ address }) => address === name)?.result;
  assert.equal(result("bo@alpha.test"), "key-exists");
  assert.equal(result("ada@alpha.test"), "absent");
});

test("of a Web Key Directory only ordinary files of a certificate's size are read, and what is refused makes it fail", async () => {
  const folder = join(dir, "odd");
  await mkdir(folder);
  const names = ["pipe", "zero", "link", "folder", "huge", "text"];
  for (const name of names) {
    await sealpost(["account", "add", `${name}@alpha.test`, "--no-password", "--later"]);
  }
  const at = (name: string): string => join(folder, wkdHash(name));
  await promisify(execFile)("mkfifo", [at("pipe")]);
  await symlink("/dev/zero", at("zero"));
  await writeFile(join(dir, "elsewhere"), (await gnupg.gpg(["--export"])).stdout);
  await symlink(join(dir, "elsewhere"), at("link"));
  await mkdir(at("folder"));
  await writeFile(at("huge"), Buffer.alloc(1024 * 1024 + 1));
  await writeFile(at("text"), "no key");
  const { code, out } = await attempt(["key", "import-wkd", folder, "--domain", "alpha.test"]);
  const { imported, refused, accounts } = JSON.parse(out) as Taken;
  assert.deepEqual([code, imported, refused], [1, 0, 6]);
  const results = names.map(
    (name) => accounts.find(({ address }) => address === `${name}@alpha.test`)?.result,
  );
  const unreadable = "unreadable";
  assert.deepEqual(results, [
    unreadable,
    unreadable,
    unreadable,
    unreadable,
    "too-large",
    "malformed",
  ]);
});

test("a key in a GnuPG home that is locked is told from one that is not there", async () => {
  await using home = await openGnupg({ home: join(dir, "locked") });
  for (const name of ["fay@alpha.test"]) {
    const made = ["--passphrase", "x", "--quick-generate-key", name, "default", "default", "1y"];
    assert.equal((await home.gpg(made)).code, 0);
  }
  const { code, out } = await attempt(["key", "import-gnupg", home.home]);
  const { imported, refused, accounts } = JSON.parse(out) as Taken;
  assert.deepEqual([code, imported, refused], [1, 0, 1]);
  const result = (name: string) => accounts.find(({ address }) => address === name)?.result;
  assert.equal(result("fay@alpha.test"), "locked");
  assert.equal(result("bo@alpha.test"), "absent");
});

test("a file without an end is refused, and not read to its end", async () => {
  const { code, err } = await attempt(["key", "import", "bo@alpha.test", "/dev/zero"]);
  assert.equal(code, 2);
  assert.match(err, /too large/);
});

test("a folder that is not there, and a domain that is not served, are no empty import", async () => {
  const lines: readonly (readonly [readonly string[], RegExp])[] = [
    [["import-gnupg", join(dir, "nowhere")], /nowhere cannot be read/],
    [["import-wkd", join(dir, "nowhere"), "--domain", "alpha.test"], /nowhere cannot be read/],
    [["import-wkd", join(dir, "hu"), "--domain", "beta.test"], /beta\.test is not in "domains"/],
    [["import-wkd", join(dir, "hu")], /--domain D/],
  ];
  for (const [args, message] of lines) {
    const { code, err } = await attempt(["key", ...args]);
    assert.equal(code, 2, args.join(" "));
    assert.match(err, message);
  }
});

test("keys that cannot be opened say what is missing: the password, or a key at all", async () => {
  const jo = "jo@alpha.test";
  await sealpost(["account", "add", jo, "--no-password", "--later"]);
  for (const args of [
    ["key", "rotate", jo],
    ["key", "import", jo, join(dir, "cy.gpg")],
  ]) {
    const { code, err } = await attempt(args);
    assert.equal(code, 1);
    assert.match(err, /no key here yet.*account enrol/);
  }
  assert.equal((await sealpost(["account", "enrol"]))["enrolled"], 8);
  await sealpost(["key", "rotate", jo]);
  const unsaid = await attempt(["key", "rotate", jo, "--reason", "compromised"]);
  assert.equal(unsaid.code, 2);
  assert.match(unsaid.err, /account reset/);
});

test("the audit log verifies, also against what was kept of it", async () => {
  const { kind, rows, head } = await sealpost(["audit", "verify"]);
  assert.equal(kind, "intact");
  const verify = async (kept: string) => attempt(["audit", "verify", "--kept", kept]);
  assert.equal((await verify(`${String(rows)}:${String(head)}`)).code, 0);
  const other = await verify(`${String(Number(rows) - 1)}:${String(head)}`);
  assert.equal(other.code, 1);
  assert.match(other.out, /rewritten/);
  const short = `${String(rows)}:${String(head).slice(0, -1)}`;
  for (const wrong of ["yesterday", short, `${String(rows)}:`, `0:${String(head)}`]) {
    const refused = await verify(wrong);
    assert.equal(refused.code, 2, wrong);
    assert.match(refused.err, /a colon and a hash of 64 hexadecimal digits/);
  }
});

test("the service key is replaced while everything goes on opening", async () => {
  await add("gus", "provider");
  const rotated = await sealpost(["service-key", "rotate"]);
  assert.equal(rotated["unreadable"], 0);
  await sealpost(["key", "rotate", "gus@alpha.test"]);
  const early = await attempt(["service-key", "retire"]);
  assert.equal(early.code, 75);
  assert.match(early.err, /ten minutes/);
});
