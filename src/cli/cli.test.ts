import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { systemClock } from "../base/time.ts";
import { recordTrace } from "../journal/trace.ts";
import { openStore } from "../store/store.ts";
import { runCli } from "./cli.ts";

let folder = "";
let config = "";

before(() => {
  folder = mkdtempSync(join(tmpdir(), "sealpost-cli-"));
  config = join(folder, "sealpost.toml");
});

after(() => {
  rmSync(folder, { recursive: true, force: true });
});

type Ran = { readonly code: number; readonly out: string; readonly err: string };

async function sealpost(args: readonly string[], input: string | Buffer = ""): Promise<Ran> {
  const out: Buffer[] = [];
  const err: string[] = [];
  const code = await runCli(args, {
    input: Readable.from(input.length === 0 ? [] : [input]),
    write: (output) => out.push(Buffer.from(output)),
    complain: (line) => err.push(line),
  });
  return { code, out: Buffer.concat(out).toString(), err: err.join("\n") };
}

async function json(args: readonly string[], input = ""): Promise<unknown> {
  const { code, out, err } = await sealpost(["--config", config, ...args, "--json"], input);
  assert.equal(code, 0, err);
  return JSON.parse(out) as unknown;
}

test("help lists every command that exists and no other", async () => {
  const { code, out } = await sealpost(["--help"]);
  assert.equal(code, 0);
  for (const name of ["serve", "init", "config check", "account add", "mail show", "trace"]) {
    assert.match(out, new RegExp(`^  ${name}\\b`, "m"));
  }
  assert.match(out, /backup FILE/);
});

test("help explains a noun and a command", async () => {
  assert.match((await sealpost(["account", "--help"])).out, /account policy/);
  assert.doesNotMatch((await sealpost(["account", "--help"])).out, /mail list/);
  assert.match((await sealpost(["account", "add", "-h"])).out, /--custody user\|provider/);
});

test("a line that cannot be understood ends with 2 and says what to do", async () => {
  const lines: readonly (readonly [readonly string[], RegExp])[] = [
    [["archive"], /unknown command "archive"/],
    [["key", "forge", "a@b.test"], /unknown command "key forge"; there is: key list, key show/],
    [["account", "show"], /usage: sealpost account show ADDRESS/],
    [["account", "show", "a@b.test", "c@d.test"], /usage: /],
    [["account", "show", "not an address"], /is not an email address/],
    [["account", "list", "--colour"], /--colour.*see: sealpost account list --help/],
    [["account", "add", "a@b.test", "--password", "x"], /--password/],
    [["mail", "show", "a@b.test", "1", "--raw", "--json"], /--raw/],
    [["account", "add", "a@b.test", "--custody", "tablet"], /user, provider or device/],
    [["init"], /--domain is missing/],
    [["init", "--domain", "-"], /is not a domain name/],
    [["serve", "--role", "web", "--config", config], /unknown role "web"/],
    [["config", "check", "--config", "/nonexistent.toml"], /sealpost init/],
  ];
  for (const [args, message] of lines) {
    const { code, out, err } = await sealpost(args);
    assert.equal(code, 2, args.join(" "));
    assert.match(err, message);
    assert.equal(out, "");
  }
  assert.equal((await sealpost([])).code, 2);
});

test("init makes configuration, database and service key, and prints the records", async () => {
  const { code, out, err } = await sealpost(["init", "--domain", "alpha.test", "--config", config]);
  assert.equal(code, 0, err);
  assert.match(out, /^_hkp\._tcp\.alpha\.test\. 3600 IN SRV 10 100 443 keys\.alpha\.test\. /m);
  assert.match(out, /next hop \(127\.0\.0\.1:10025\).*message_size_limit=39321600$/m);
  const key = statSync(join(folder, "secrets/service.key"));
  assert.equal(key.size, 32);
  assert.equal(key.mode & 0o777, 0o600);
  assert.equal(statSync(join(folder, "secrets")).mode & 0o777, 0o700);
  assert.equal(statSync(join(folder, "sealpost.db")).mode & 0o777, 0o600);
});

test("a recipient is local, or somebody about whom nothing is certain without a validating resolver", async () => {
  const closed = "[resolver]\nport = 1\ntimeout_ms = 200\n";
  writeFileSync(config, readFileSync(config, "utf8").replace("[resolver]\n", closed));
  const check = async (address: string) =>
    (await json(["recipient", "check", address])) as Record<string, unknown>;
  assert.equal((await check("nobody@alpha.test"))["code"], "NOKEY");
  const far = await check("bob@beta.test");
  assert.equal(far["code"], "UNSURE-DNS");
  assert.equal(far["kind"], "unreachable");
  assert.equal(far["fingerprint"], null);
});

test("init overwrites nothing", async () => {
  const before = [config, join(folder, "secrets/service.key")].map((file) => readFileSync(file));
  const { code, err } = await sealpost(["init", "--domain", "beta.test", "--config", config]);
  assert.equal(code, 2);
  assert.match(err, /exists and is left as it is/);
  const other = join(folder, "other.toml");
  assert.match(
    (await sealpost(["init", "--domain", "beta.test", "--config", other])).out,
    /^kept /m,
  );
  const now = [config, join(folder, "secrets/service.key")].map((file) => readFileSync(file));
  assert.deepEqual(now, before);
});

test("config check names what is missing or open to others", async () => {
  const { code, err } = await sealpost(["config", "check", "--config", config]);
  assert.equal(code, 2);
  assert.match(err, /tls\.certificate_file: .*ENOENT/);
  const loose = join(folder, "loose.toml");
  writeFileSync(join(folder, "loose.key"), "short", { mode: 0o644 });
  writeFileSync(
    loose,
    'domains = ["alpha.test"]\nhostname = "mail.alpha.test"\n[secrets]\nservice_key_file = "loose.key"\n[relay]\nport = 25\n[listen.mx]\n',
  );
  const checked = await sealpost(["config", "check", "--config", loose]);
  assert.match(checked.err, /does not hold 32 bytes/);
  assert.match(checked.err, /chmod 600/);
  assert.match(checked.err, /127\.0\.0\.1:25 is our own listener/);
});

test("config describe prints every field with unit and default", async () => {
  const { out } = await sealpost(["config", "describe"]);
  assert.match(
    out,
    /^# .*\(whole number from 65536 to 52428800, in bytes\)\n#message_bytes = 26214400$/m,
  );
  const described = await sealpost(["config", "describe", "--json"]);
  assert.match(described.out, /"name": "limits.message_bytes"/);
});

test("dns records are for domains that are served", async () => {
  assert.equal((await sealpost(["dns", "records", "beta.test", "--config", config])).code, 2);
  const answer = (await json(["dns", "records", "alpha.test"])) as {
    records: { name: string; data: string }[];
  };
  assert.deepEqual(
    answer.records.map(({ name }) => name),
    [
      "_hkp._tcp.alpha.test.",
      "_hkps._tcp.alpha.test.",
      "_pgpkey-https._tcp.keys.alpha.test.",
      "openpgpkey.alpha.test.",
    ],
  );
});

test("an account has a published key from the moment it is added", async () => {
  const args = ["account", "add", "ada@alpha.test", "--password-stdin"];
  const added = (await json(args, "correct horse\n")) as Record<string, unknown>;
  assert.equal(added["custody"], "unlocks-at-login");
  assert.match(String(added["fingerprint"]), /^[0-9A-F]{40}$/);
  const shown = (await json(["key", "show", "ada@alpha.test"])) as Record<string, unknown>;
  assert.equal(shown["fingerprint"], added["fingerprint"]);
  assert.equal(shown["state"], "active");
  assert.equal(shown["published"], true);
  assert.deepEqual(await json(["mail", "list", "ada@alpha.test"]), { messages: [], next: null });
});

test("an account is added once, for a domain that is served, with a password on stdin", async () => {
  const add = ["account", "add", "--config", config];
  const again = await sealpost([...add, "Ada@alpha.test", "--password-stdin"], "x\n");
  assert.equal(again.code, 1);
  assert.match(again.err, /there is an account with this address/);
  assert.equal((await sealpost([...add, "ada@beta.test", "--password-stdin"], "x")).code, 2);
  assert.equal((await sealpost([...add, "bea@alpha.test"], "x")).code, 2);
  assert.equal((await sealpost([...add, "bea@alpha.test", "--password-stdin"], "")).code, 2);
  assert.equal((await sealpost([...add, "bea@alpha.test", "--password-stdin"], "x\ny\n")).code, 2);
  assert.equal((await sealpost(["key", "show", "bea@alpha.test", "--config", config])).code, 1);
});

test("a user's own policy can be set, shown and removed", async () => {
  const policy = async (...more: readonly string[]) =>
    (await json(["account", "policy", "ada@alpha.test", ...more])) as Record<string, unknown>;
  assert.equal((await policy("require"))["policyInForce"], "require");
  assert.equal((await policy())["policy"], "require");
  const inherited = await policy("inherit");
  assert.equal(inherited["policy"], null);
  assert.equal(inherited["policyInForce"], "prefer-clear");
  const wrong = await sealpost([
    "account",
    "policy",
    "ada@alpha.test",
    "maybe",
    "--config",
    config,
  ]);
  assert.equal(wrong.code, 2);
});

test("mail opens with the right password only, and a message that is not there is said to be so", async () => {
  const list = ["mail", "list", "ada@alpha.test", "--password-stdin"];
  assert.deepEqual(await json(list, "correct horse\n"), { messages: [], next: null });
  const wrong = await sealpost([...list, "--config", config], "wrong horse\n");
  assert.equal(wrong.code, 1);
  const missing = await sealpost(["mail", "show", "ada@alpha.test", "7", "--config", config]);
  assert.equal(missing.code, 1);
  assert.match(missing.err, /there is no message 7/);
});

test("a trace prints decisions without control characters", async () => {
  {
    await using store = await openStore({ engine: "sqlite", path: join(folder, "sealpost.db") });
    await recordTrace(store, {
      messageId: "<1@alpha.test>",
      at: systemClock.now(),
      direction: "out",
      step: "planned",
      detail: { plan: "clear", why: "\u001b[31mred" },
    });
  }
  const { code, out } = await sealpost(["trace", "1@alpha.test", "--config", config]);
  assert.equal(code, 0);
  assert.match(out, / out planned plan=clear why=\u{FFFD}\[31mred$/mu);
  const entries = (await json(["trace", "<1@alpha.test>"])) as { entries: { step: string }[] };
  assert.equal(entries.entries[0]?.step, "planned");
  assert.equal((await sealpost(["trace", "2@alpha.test", "--config", config])).code, 1);
});

test("a trace is found by the name in an SMTP reply, and says null where there is no Message-ID", async () => {
  {
    await using store = await openStore({ engine: "sqlite", path: join(folder, "sealpost.db") });
    const at = systemClock.now();
    const answered = { at, direction: "out", step: "answered", detail: {} } as const;
    await recordTrace(store, {
      ...answered,
      messageId: "<1@alpha.test>",
      transaction: "0123456789ab",
    });
    await recordTrace(store, { ...answered, messageId: "", transaction: "ba9876543210" });
  }
  type Shown = {
    messageId: string | null;
    entries: { step: string; transaction: string | null }[];
  };
  const whole = (await json(["trace", "0123456789AB"])) as Shown;
  for (const printed of ["(0123456789ab)", " (0123456789ab). "]) {
    assert.deepEqual(await json(["trace", printed]), whole, printed);
  }
  assert.equal(whole.messageId, "<1@alpha.test>");
  assert.deepEqual(
    whole.entries.map(({ step, transaction }) => [step, transaction]),
    [
      ["planned", null],
      ["answered", "0123456789ab"],
    ],
  );
  const alone = (await json(["trace", "ba9876543210"])) as Shown;
  assert.equal(alone.messageId, null);
  assert.equal(alone.entries.length, 1);
});

test("the program itself runs from any folder and ends with the exit code", async () => {
  const program = join(import.meta.dirname, "../../bin/sealpost");
  const { stdout } = await promisify(execFile)(program, ["--help"], { cwd: tmpdir() });
  assert.match(stdout, /^sealpost: /);
  await assert.rejects(promisify(execFile)(program, ["nonsense"]), { code: 2 });
});
