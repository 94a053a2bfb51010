/** What an operator meets in the first hour. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, test } from "node:test";
import { promisify } from "node:util";

import { idAt } from "../../test/support/accounts.ts";
import { openCli } from "../../test/support/cli.ts";
import { haveWaiting } from "../../test/support/spool.ts";
import { fromUnixMs } from "../base/time.ts";
import { unprotected } from "../incoming/verdicts.ts";
import { parseAddress } from "../mail/address.ts";
import { keepLatestTime } from "../store/discovery/clock-seen.ts";
import { openStore } from "../store/store.ts";
import { runCli } from "./cli.ts";

const folders: string[] = [];

after(() => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

function fresh(): string {
  const folder = mkdtempSync(join(tmpdir(), "sealpost-first-"));
  folders.push(folder);
  return folder;
}

async function run(args: readonly string[]) {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await runCli(args, {
    input: Readable.from([]),
    write: (output) => out.push(String(output)),
    complain: (line) => err.push(line),
  });
  return { code, out: out.join(""), err: err.join("\n") };
}

async function init(folder: string) {
  return run(["init", "--domain", "alpha.test", "--config", join(folder, "sealpost.toml")]);
}

test("init follows no link that leads nowhere, and then writes nothing at all", async () => {
  for (const name of ["sealpost.toml", "sealpost.db", "secrets", "secrets/service.key"]) {
    const folder = fresh();
    const target = join(fresh(), "elsewhere");
    if (name.includes("/")) mkdirSync(join(folder, "secrets"), { mode: 0o700 });
    symlinkSync(target, join(folder, name));
    const { code, err } = await init(folder);
    assert.equal(code, 2, name);
    assert.match(err, /is a link that leads nowhere.*rm /);
    assert(!existsSync(target), name);
    assert(!existsSync(join(folder, "sealpost.toml")), name);
  }
});

test("init makes no service key in a folder that others may write to", async () => {
  for (const mode of [0o777, 0o1777, 0o770, 0o702]) {
    const folder = fresh();
    mkdirSync(join(folder, "secrets"));
    chmodSync(join(folder, "secrets"), mode);
    const { code, err } = await init(folder);
    assert.equal(code, 2);
    assert.match(err, /others may write to .*secrets .*chmod 700/);
    assert(!existsSync(join(folder, "secrets/service.key")));
    assert(!existsSync(join(folder, "sealpost.toml")));
  }
  const open = fresh();
  chmodSync(open, 0o777);
  assert.match((await init(open)).err, /chmod o-w/);
  const good = fresh();
  mkdirSync(join(good, "secrets"), { mode: 0o700 });
  assert.equal((await init(good)).code, 0);
});

test("--version says what runs", async () => {
  await using cli = await openCli();
  const { version } = JSON.parse(
    readFileSync(join(import.meta.dirname, "../../package.json"), "utf8"),
  ) as { version: string };
  const { code, out } = await cli.attempt(["--version"]);
  assert.equal(code, 0);
  assert.equal(out, `sealpost ${version} (Node.js ${process.versions.node})\n`);
  const json = JSON.parse((await cli.attempt(["--version", "--json"])).out) as unknown;
  assert.deepEqual(json, { sealpost: version, node: process.versions.node });
});

test("a missing socket of the database says how to start it, and is temporary", async () => {
  const folder = fresh();
  const config = join(folder, "sealpost.toml");
  mkdirSync(join(folder, "secrets"), { mode: 0o700 });
  writeFileSync(join(folder, "secrets/service.key"), Buffer.alloc(32, 1), { mode: 0o600 });
  writeFileSync(
    config,
    `domains = ["alpha.test"]\nhostname = "mail.alpha.test"\n[database]\nengine = "postgres"\nurl = "postgres:///sealpost?host=${folder}"\n`,
  );
  const { code, err } = await run(["account", "list", "--config", config]);
  assert.equal(code, 75);
  assert.match(
    err,
    /\.s\.PGSQL\.5432 is not there: start PostgreSQL \(systemctl start postgresql\)/,
  );
});

test("serve refuses what config check refuses, in the same words", async () => {
  const folder = fresh();
  const config = join(folder, "sealpost.toml");
  assert.equal((await init(folder)).code, 0);
  const written = readFileSync(config, "utf8");
  writeFileSync(config, written.replace("[relay]\n", "[relay]\nport = 25\n"));
  const checked = await run(["config", "check", "--config", config]);
  assert.equal(checked.code, 2);
  assert.match(checked.err, /is our own listener/);
  const program = join(import.meta.dirname, "../../bin/sealpost");
  for (const role of ["gateway", "all"]) {
    const serve = promisify(execFile)(program, ["serve", "--role", role, "--config", config]);
    await assert.rejects(serve, { code: 2, stderr: `${checked.err}\n` });
  }
});

test("after a clock that was ahead an operator makes now the latest time", async () => {
  await using cli = await openCli();
  await cli.attempt(["account", "add", "ada@alpha.test", "--password-stdin"], "correct horse");
  const ahead = fromUnixMs(4_102_444_800_000);
  {
    await using store = await openStore({ engine: "sqlite", path: join(cli.dir, "sealpost.db") });
    await keepLatestTime(store, ahead);
  }
  const before = await cli.sealpost(["database", "clock"]);
  assert.equal(before["seen"], ahead.toISOString());
  assert.match(String(before["trouble"]), /it was set back, or was ahead then/);
  const after = await cli.sealpost(["database", "clock", "--reset"]);
  assert.equal(after["seen"], after["now"]);
  assert.equal(after["trouble"], null);
  assert.equal((await cli.sealpost(["audit", "verify"]))["kind"], "intact");
});

test("what is absent is null in every JSON answer", async () => {
  await using cli = await openCli();
  await cli.attempt(["account", "add", "ada@alpha.test", "--password-stdin"], "correct horse");
  const verified = await cli.sealpost(["audit", "verify"]);
  assert.deepEqual(Object.keys(verified).toSorted(), [
    "head",
    "kind",
    "missingServiceKeys",
    "rows",
    "seq",
  ]);
  assert.equal(verified["seq"], null);
  const retired = await cli.sealpost(["service-key", "retire"]);
  assert.deepEqual(retired, { isRetired: false, reason: "there is no former service key" });
  const before = await cli.sealpost(["service-key", "rotate"]);
  assert.equal(before["unreadable"], 0);
  const early = await cli.attempt(["service-key", "retire", "--json"]);
  assert.equal(early.code, 75);
  const said = JSON.parse(early.out) as { isRetired: boolean; reason: string };
  assert.equal(said.isRetired, false);
  assert.match(said.reason, /less than ten minutes ago/);
});

test("mail is shown by the beginning of its ID, or by its Message-ID with or without brackets", async () => {
  await using cli = await openCli();
  await cli.attempt(
    ["account", "add", "ada@alpha.test", "--custody", "provider", "--password-stdin"],
    "correct horse",
  );
  const ada = parseAddress("ada@alpha.test") ?? assert.fail();
  const ids: string[] = [];
  {
    const path = join(cli.dir, "sealpost.db");
    await using store = await openStore({ engine: "sqlite", path });
    for (let name = 1; name <= 17; name += 1) {
      const at = fromUnixMs(name);
      const id = await haveWaiting(store, {
        account: await idAt(store, ada),
        body: Buffer.from(String(name)),
        form: "sealed",
        verdict: unprotected(at),
        receivedAt: at,
        sizeBytes: 1,
        outerFrom: "",
        messageId: `<${name}@beta.test>`,
      });
      ids.push(id);
    }
  }
  const [first = assert.fail()] = ids;
  for (const given of [first, first.slice(0, 30), "<1@beta.test>", "1@beta.test"]) {
    const shown = await cli.sealpost(["mail", "show", "ada@alpha.test", given]);
    assert.equal(shown["id"], first, given);
  }
  // Of seventeen IDs two begin with the same hexadecimal digit.
  const twice = ids.map((id) => id.slice(0, 1)).find((one, at, all) => all.indexOf(one) !== at);
  const { code, err } = await cli.attempt(["mail", "show", "ada@alpha.test", twice ?? ""]);
  assert.equal(code, 2);
  assert.match(err, /messages have an ID that begins with/);
  assert.equal((await cli.attempt(["mail", "show", "ada@alpha.test", "zzz"])).code, 1);
});
