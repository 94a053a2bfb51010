/** The doctor in the lab: a provider that is well, and what is said of each way in which one is not. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { parse, stringify } from "smol-toml";
import { type Lab, startLab } from "../../lab/lab.ts";
import { doctorCommands } from "../../src/cli/doctor.ts";

let dir = "";
let lab: Lab;
let alpha = "";

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-doctor-"));
  lab = await startLab({ dir, engine: "sqlite" });
  alpha = lab.world.providers["alpha.test"]?.config ?? "";
});
after(async () => {
  await lab[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

type Finding = {
  readonly check: string;
  readonly result: string;
  readonly title: string;
  readonly why: string;
  readonly todo: string | null;
  readonly isTemporary: boolean;
};
type Report = {
  readonly domain: string;
  readonly code?: string;
  readonly findings: readonly Finding[];
};

async function doctor(name: string, operand: string, configFile = alpha, isJson = true) {
  const command = doctorCommands.find((one) => one.name === name);
  assert(command);
  let text = "";
  const code = await command.run({
    operands: [operand],
    configFile,
    isJson,
    terminal: {
      input: Readable.from([]),
      write: (output) => {
        text += output.toString();
      },
      complain: assert.fail,
    },
    option: () => undefined,
    has: () => false,
  });
  return { code, text };
}

async function reportOf(name: string, operand: string, configFile = alpha) {
  const { code, text } = await doctor(name, operand, configFile);
  const report = JSON.parse(text) as Report;
  const found = (check: string, result: string) =>
    report.findings
      .filter((one) => one.check === check && one.result === result)
      .map(({ title, todo }) => `${title} | ${todo ?? ""}`)
      .join("\n");
  return { code, report, found };
}

/** Alpha's configuration, as if it served other domains. */
async function serving(domain: string, change: object = {}): Promise<string> {
  const config = parse(await readFile(alpha, "utf8"));
  const file = join(dir, "alpha.test", `${domain}.toml`);
  await writeFile(file, stringify({ ...config, domains: [domain], ...change }));
  return file;
}

test("a provider that is well passes every check, but for the port that the lab does not have", async () => {
  const { code, report, found } = await reportOf("doctor", "alpha.test");
  const shown = report.findings.map(({ check, result, title }) => `${result} ${check}: ${title}`);
  assert.equal(report.domain, "alpha.test");
  for (const check of [
    "resolver",
    "database",
    "bodies",
    "service-key",
    "secret-keys",
    "logins",
    "pending",
    "former-pairs",
    "outbox",
    "relay",
    "listeners",
    "clock-seen",
    "postmaster",
    "revocations",
    "srv",
    "target",
    "signatures",
    "tls",
    "clock",
    "mx",
    "look-up",
    "read-only",
    "exact-search",
    "courtesy",
    "keys",
  ]) {
    assert.notEqual(found(check, "ok"), "", `${check}\n${shown.join("\n")}`);
  }
  // A Web Key Directory is a warning at best: its clients ask port 443 only, which the lab has not.
  const unwell = report.findings.filter(({ result }) => result === "warn" || result === "fail");
  assert.deepEqual(
    unwell.map(({ check, result }) => [check, result]),
    [["wkd", "warn"]],
    shown.join("\n"),
  );
  assert.equal(code, 0);
});

test("a person reads a line for each finding, and at the end how many are not well", async () => {
  const { text } = await doctor("doctor", "alpha.test", alpha, false);
  assert.match(text, /^this host\n {2}ok +resolver +the resolver 127\.0\.0\.1:\d+ validates$/m);
  assert.match(text, /^alpha\.test\n {2}ok +srv +_hkp\._tcp\.alpha\.test is signed and names/m);
  assert.match(text, /^\d+ ok, 1 warned, 0 failed, \d+ skipped\n$/m);
});

const BROKEN: readonly [what: string, domain: string, check: string, says: RegExp][] = [
  ["an unsigned zone", "legacy.test", "srv", /the zone is not signed.*DS record/],
  ["a forged zone", "bogus.test", "srv", /changed after signing, or forged.*Sign the zone again/],
  ["expired signatures", "expired.test", "srv", /signatures have expired.*Sign the zone again now/],
  [
    "a zone stripped of its signatures",
    "stripped.test",
    "srv",
    /no key of the zone fits.*serve the signed zone/,
  ],
  [
    "a key that the parent does not know",
    "badds.test",
    "srv",
    /no key of the zone fits.*registrar/,
  ],
  ["a record that says there is no service", "nosrv.test", "srv", /no keyserver.*_hkp\._tcp/],
  ["a target without address", "noaddress.test", "target", /has no address.*IN A ADDRESS/],
  [
    "a target that is an alias out of the signed zones",
    "alias.test",
    "target",
    /is an alias of mail\.legacy\.test/,
  ],
  [
    "a certificate for another name",
    "othername.test",
    "tls",
    /certificate for another name: keys\.alpha/,
  ],
  ["signatures about to end", "ending.test", "signatures", /in less than 3 days.*Sign the zone/],
];
for (const [what, domain, check, says] of BROKEN) {
  test(`${what} fails and is explained`, async () => {
    const { code, report, found } = await reportOf("doctor", domain, await serving(domain));
    assert.equal(code, 1);
    assert.match(found(check, "fail"), says);
    const failures = report.findings.filter(({ result }) => result === "fail");
    assert(failures.every(({ todo, why }) => todo !== null && why !== ""));
  });
}

test("a resolver that is down is temporary trouble", async () => {
  const file = await serving("alpha.test", { resolver: { host: "127.0.0.1", port: 9 } });
  const { code, found } = await reportOf("doctor", "alpha.test", file);
  assert.equal(code, 75);
  assert.match(found("resolver", "fail"), /does not answer/);
});

test("a database server that is down is temporary trouble, a missing file is not", async () => {
  const url = "postgres://sealpost@127.0.0.1:9/sealpost";
  const down = await serving("alpha.test", { database: { engine: "postgres", url } });
  const { report, found } = await reportOf("doctor", "alpha.test", down);
  assert.match(found("database", "fail"), /ECONNREFUSED.*Start the database server/);
  assert.match(found("keys", "skip"), /the published keys/);
  const database = report.findings.find(({ check }) => check === "database");
  assert.equal(database?.isTemporary, true);
  const missing = await serving("alpha.test", { database: { path: "none.db" } });
  assert.equal((await reportOf("doctor", "alpha.test", missing)).code, 1);
});

test("a peer that is well is said to be, and what is wrong with another one is explained", async () => {
  const beta = await reportOf("doctor peer", "beta.test");
  assert.equal(beta.code, 0);
  assert.equal(beta.report.code, "OK");
  assert.match(beta.found("http", "ok"), /says 404/);
  const legacy = await reportOf("doctor peer", "legacy.test");
  assert.equal(legacy.report.code, "INSEC");
  assert.match(legacy.found("dns", "fail"), /not signed.*postmaster@legacy\.test/);
  assert.match(legacy.found("conclusion", "fail"), /its DNS is not protected/);
  const bogus = await reportOf("doctor peer", "bogus.test");
  assert.equal(bogus.report.code, "UNSURE-DNS");
  assert.match(bogus.found("dns", "fail"), /forged \(EDE 6\)/);
  const nosrv = await reportOf("doctor peer", "nosrv.test");
  assert.equal(nosrv.report.code, "NOSVC");
  const other = await reportOf("doctor peer", "othername.test");
  assert.equal(other.report.code, "UNSURE-KS");
  assert.match(other.found("tls", "fail"), /another name/);
  assert.deepEqual(
    [legacy, bogus, nosrv, other].map(({ code }) => code),
    [1, 1, 1, 1],
  );
});

test("a keyserver that is down fails for its provider and may pass for its peers", async () => {
  const provider = lab.providers.get("alpha.test");
  await provider?.stopKeyserver();
  const own = await reportOf("doctor", "alpha.test");
  assert.equal(own.code, 1);
  assert.match(own.found("tls", "fail"), /cannot be reached.*Start the keyserver/);
  assert.match(own.found("look-up", "skip"), /look-up/);
  const beta = lab.world.providers["beta.test"]?.config;
  const asPeer = await reportOf("doctor peer", "alpha.test", beta);
  assert.equal(asPeer.code, 75);
  assert.equal(asPeer.report.code, "UNSURE-KS");
});
