import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { promisify } from "node:util";

import { makePki } from "../../lab/pki.ts";
import { ConfigError } from "../config/config.ts";
import { checkedConfig } from "./config-problems.ts";

const HEAD = 'domains = ["alpha.test"]\nhostname = "mail.alpha.test"\n';

let dir = "";
let config = "";
let certificate = "";
let key = "";
let otherKey = "";

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-files-"));
  config = join(dir, "sealpost.toml");
  const pki = await makePki(join(dir, "pki"));
  const [own, other] = [await pki.issue(["mail.alpha.test"]), await pki.issue(["other.test"])];
  [certificate, key, otherKey] = [own.certFile, own.keyFile, other.keyFile];
  await mkdir(join(dir, "secrets"), { mode: 0o700 });
  await writeFile(join(dir, "secrets/service.key"), randomBytes(32), { mode: 0o600 });
});

after(async () => {
  await rm(dir, { recursive: true, force: true });
});

/** The faults of the smallest configuration with that certificate and key, and more tables. */
async function problems(o: { cert?: string; key?: string; more?: string } = {}) {
  const pair = `[tls]\ncertificate_file = "${o.cert ?? certificate}"\nkey_file = "${o.key ?? key}"\n`;
  await writeFile(config, `${HEAD}${pair}${o.more ?? ""}`);
  try {
    await checkedConfig(config, { holdsServiceKey: true });
    return [];
  } catch (thrown) {
    if (thrown instanceof ConfigError) return thrown.problems;
    throw thrown;
  }
}

/** The one fault, which begins with the line and the field. */
async function problem(line: number, field: string, o: Parameters<typeof problems>[0]) {
  const [first = "", ...others] = await problems(o);
  assert.deepEqual(others, [], first);
  const start = `${config}:${line}: ${field}: `;
  assert.equal(first.slice(0, start.length), start);
  return first.slice(start.length);
}

async function file(name: string, content: string | Uint8Array): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, content);
  return path;
}

test("a configuration whose files can be used has no fault", async () => {
  assert.deepEqual(await problems(), []);
});

test("a certificate that cannot be used is named with its field, its line and what is wrong", async () => {
  const missing = join(dir, "missing.pem");
  const pem = await readFile(certificate, "utf8");
  const broken = await file("broken.pem", pem.replace(/^MII/m, "AAA"));
  const chain = await file("chain.pem", `${pem}${pem.replace(/^MII/m, "AAA")}`);
  const cut = await file("cut.pem", pem.slice(0, 300));
  const cases: readonly (readonly [string, RegExp])[] = [
    [missing, /is not there \(ENOENT\); name the server's, PEM$/],
    [dir, /is a folder \(EISDIR\)/],
    [join(certificate, "x"), /what should be its folder is a file/],
    [await file("empty.pem", ""), /holds no certificate in PEM form; name the server's/],
    [key, /holds no certificate in PEM form/],
    [broken, /holds a certificate that cannot be read, number 1 \(/],
    [chain, /holds a certificate that cannot be read, number \d \(/],
    [cut, /holds a certificate that is cut short/],
  ];
  for (const [cert, expected] of cases) {
    const text = await problem(4, "tls.certificate_file", { cert });
    assert.ok(text.startsWith(`${cert} `), text);
    assert.match(text, expected);
  }
});

test("a key that cannot be used, or is another certificate's, is named with its field and line", async () => {
  const locked = join(dir, "locked.pem");
  const lock = ["pkey", "-in", key, "-aes256", "-passout", "pass:x", "-out", locked];
  await promisify(execFile)("openssl", lock);
  const cases: readonly (readonly [string, RegExp])[] = [
    [join(dir, "missing.pem"), /is not there \(ENOENT\); name the certificate's private key, PEM$/],
    [certificate, /holds no private key in PEM form that can be read/],
    [
      await file(
        "broken-key.pem",
        "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
      ),
      /holds no private key in PEM form/,
    ],
    [locked, /is protected by a passphrase.*write the key without one/],
    [
      otherKey,
      /is not the key of the first certificate in .*mail\.alpha\.test\.crt; name two that match$/,
    ],
  ];
  for (const [given, expected] of cases) {
    const text = await problem(5, "tls.key_file", { key: given });
    assert.ok(text.startsWith(`${given} `), text);
    assert.match(text, expected);
  }
});

test("each broken file of a pair is a fault of its own", async () => {
  const missing = join(dir, "missing.pem");
  const found = await problems({ cert: missing, key: missing });
  assert.deepEqual(
    found.map((one) => one.split(" ", 2).join(" ")),
    [`${config}:4: tls.certificate_file:`, `${config}:5: tls.key_file:`],
  );
});

test("a certificate for other names is a fault for each name that it lacks", async () => {
  const more = '[listen.keyserver]\nname = "keys.alpha.test"\n';
  const text = await problem(4, "tls.certificate_file", { more });
  assert.equal(
    text,
    `${certificate} does not name keys.alpha.test (listen.keyserver.name); get one that does`,
  );
});

test("a table that is absent is a fault of the first line, with the file that is its default", async () => {
  await writeFile(config, HEAD);
  await assert.rejects(checkedConfig(config, { holdsServiceKey: false }), (thrown) => {
    assert.ok(thrown instanceof ConfigError);
    assert.match(thrown.problems[0] ?? "", /:1: tls\.certificate_file: .*\/tls\/certificate\.pem /);
    return true;
  });
});

test("a next hop's authorities and its password are looked at, and named with their line", async () => {
  const ca = join(dir, "pki/ca.pem");
  const [good, two] = [await file("good", "secret\n"), await file("two", "one\ntwo\n")];
  await Promise.all([good, two].map(async (one) => chmod(one, 0o600)));
  const open = await file("open", "secret\n");
  await chmod(open, 0o644);
  const hop = (caFile: string, password: string) => ({
    more: `[relay]\nhost = "mx.test"\ntls = "required"\nca_file = "${caFile}"\nuser = "u"\npassword_file = "${password}"\n`,
  });
  assert.deepEqual(await problems(hop(ca, good)), []);
  assert.match(
    await problem(9, "relay.ca_file", hop(key, good)),
    /holds no certificate in PEM form/,
  );
  for (const [password, expected] of [
    [join(dir, "nowhere"), /nowhere is not there \(ENOENT\); write the password/],
    [two, /two does not hold one line with a password/],
    [open, /others may read .*open; run: chmod 600/],
  ] as const) {
    const text = await problem(11, "relay.password_file", hop(ca, password));
    assert.match(text, expected);
    assert.doesNotMatch(text, /secret/);
  }
});

test("every other file that the configuration names is looked at, and named with its line", async () => {
  const short = await file("short.key", "short");
  const absent = join(dir, "nowhere/file");
  const cases: readonly (readonly [string, string, string, RegExp])[] = [
    ["secrets", "service_key_file", short, /short\.key does not hold 32 bytes|others may read/],
    [
      "secrets",
      "service_key_file",
      absent,
      /nowhere\/file is not there.*back from its own backup.*keys\.md/,
    ],
    ["discovery", "ca_file", absent, /nowhere\/file is not there.*authorities' certificates, PEM/],
    ["discovery", "ca_file", key, /key.* holds no certificate in PEM form/],
    ["escrow", "certificate_file", absent, /nowhere\/file is not there.*OpenPGP certificate/],
    ["escrow", "certificate_file", key, /key.* does not hold exactly one OpenPGP certificate/],
    ["log", "file", absent, /nowhere is not there \(ENOENT\); make that folder/],
    ["log", "file", join(short, "log"), /short\.key is no folder; name a file in one/],
    ["log", "file", dir, /is a folder; name a file/],
    ["database", "path", absent, /nowhere is not there/],
    ["database", "published_file", absent, /nowhere is not there/],
  ];
  for (const [table, field, value, expected] of cases) {
    const found = await problems({ more: `[${table}]\n${field} = "${value}"\n` });
    const place = `${config}:7: ${table}.${field}: `;
    const [own = ""] = found.filter((one) => one.startsWith(place));
    assert.match(own, expected, found.join("\n"));
  }
});

test("the folder of bodies is there or can be made, and is its user's alone", async () => {
  const bodies = join(dir, "bodies");
  const more = `[storage]\nbodies = "folder"\nbodies_folder = "${bodies}"\n`;
  const fault = async () => problem(8, "storage.bodies_folder", { more });
  assert.deepEqual(await problems({ more }), []);
  await mkdir(bodies, { mode: 0o755 });
  assert.match(await fault(), /^others may look into .*; run: chmod 700 /);
  await rm(bodies, { recursive: true });
  await mkdir(bodies, { mode: 0o700 });
  assert.deepEqual(await problems({ more }), []);
  await rm(bodies, { recursive: true });
  await writeFile(bodies, "");
  assert.match(await fault(), /is a file; name a folder$/);
  const nowhere = more.replace(bodies, join(dir, "none/bodies"));
  const text = await problem(8, "storage.bodies_folder", { more: nowhere });
  assert.match(text, /is not there \(ENOENT\); make that folder$/);
  // Where the bodies are in the database, the folder is not looked at.
  assert.deepEqual(await problems({ more: nowhere.replace('"folder"', '"database"') }), []);
});
