/** The commands of a key's life, as an operator types them, on a real configuration and with real GnuPG keys. */
import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";

import { openGnupg, type Gnupg } from "../../lab/gnupg.ts";
import { runCli } from "./cli.ts";

let dir: string;
let config: string;
let gnupg: Gnupg;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-keys-"));
  config = join(dir, "sealpost.toml");
  await sealpost(["init", "--domain", "alpha.test"]);
  gnupg = await openGnupg({ home: join(dir, "gnupg") });
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
  const { code, err } = await attempt(args, "secret one\n");
  assert.equal(code, 1);
  assert.match(err, /weak-algorithm/);
  assert.equal((await sealpost(["key", "show", "dee@alpha.test"]))["fingerprint"], fingerprint);
});

test("a certificate alone is taken when its owner proves that he has the key", async () => {
  await add("eve");
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

test("a GnuPG home and a Web Key Directory are taken over for the accounts they fit", async () => {
  await add("fay", "provider");
  const fingerprint = await gpgKey("fay");
  const taken = await sealpost(["key", "import-gnupg", gnupg.home]);
  assert.equal(taken["imported"], 1);
  assert.equal((await sealpost(["key", "show", "fay@alpha.test"]))["fingerprint"], fingerprint);
});

test("the audit log verifies", async () => {
  assert.equal((await sealpost(["audit", "verify"]))["kind"], "intact");
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
