/**
 * Stock clients that find our keys by themselves (GnuPG and sq over the Web Key Directory) or are told of the keyserver
 * (sq, curl). GnuPG learns of a revocation when it refreshes.
 */
import assert from "node:assert/strict";
import { globSync } from "node:fs";
import { chmod, mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { openGnupg, type Gnupg } from "../../lab/gnupg.ts";
import { makePki, type Pki } from "../../lab/pki.ts";
import { run, type RunResult } from "../../lab/run.ts";
import { parseCertificates, type Certificate } from "../../src/openpgp/certificates/certificate.ts";
import { userIdMatches } from "../../src/openpgp/certificates/user-id.ts";
import { parseAddress } from "../../src/mail/address.ts";
import {
  publishKey,
  publishLiveKey,
  startTestKeyserver,
  type TestKeyserver,
} from "../support/test-keyserver.ts";

const NAME = "keys.alpha.test";
const DIRECTORY = "openpgpkey.alpha.test";
/** The Web Key Directory is asked at this port only; no other test uses this address. */
const DIRECTORY_HOST = "127.0.9.43";
const HTTPS = 443;

let dir: string;
let pki: Pki;
let server: TestKeyserver;
let directory: TestKeyserver;
let ada: Certificate;
let old: Certificate;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-clients-"));
  pki = await makePki(dir);
  const database = { engine: "sqlite", path: join(dir, "sealpost.db") } as const;
  const tls = await pki.issue([NAME, DIRECTORY]);
  server = await startTestKeyserver(tls, { database });
  directory = await startTestKeyserver(tls, { database, host: DIRECTORY_HOST, port: HTTPS });
  old = await publishKey(server.store, "ada@alpha.test", { isRevoked: true });
  ada = await publishKey(server.store, "ada@alpha.test");
});
after(async () => {
  await directory[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

const hosts = { [NAME]: "127.0.0.2", [DIRECTORY]: DIRECTORY_HOST };
let homes = 0;
async function gnupg(): Promise<Gnupg> {
  homes += 1;
  return openGnupg({ home: join(dir, `h${String(homes)}`), caFile: pki.caFile, hosts });
}

const at = (): readonly string[] => ["--keyserver", `hkps://${NAME}:${String(server.port)}`];

/**
 * A folder with a `gpg` that sees our authority in the system's place. The Web Key Directory is not asked with the
 * authorities of dirmngr's own configuration. It is a mount in a namespace of its own; in a chroot, whose root is no
 * mount, only without changing how mounts spread, and so it is taken away when gpg is done.
 */
async function gpgTrustingUs(): Promise<string> {
  const folder = join(dir, "bin");
  await mkdir(folder, { recursive: true });
  const file = join(folder, "gpg");
  const script = `#!/bin/sh
own="-m"
[ "$(id -u)" = 0 ] || own="-rm"
unshare $own true 2>/dev/null || own="$own --propagation unchanged"
exec unshare $own sh -c '
  set -eu
  system=/etc/ssl/certs/ca-certificates.crt
  mount --bind ${pki.caFile} $system
  code=0
  /usr/bin/gpg "$@" || code=$?
  gpgconf --kill dirmngr
  umount $system
  exit $code' sh "$@"
`;
  await writeFile(file, script);
  await chmod(file, 0o755);
  return folder;
}

async function fingerprints(home: Gnupg): Promise<readonly string[]> {
  const { stdout } = await home.gpg(["--with-colons", "--list-keys"]);
  return [...stdout.toString().matchAll(/^pub:.*\n(?:tru:.*\n)*fpr:+([0-9A-F]+):/gm)].map(
    ([, fingerprint = ""]) => fingerprint,
  );
}

for (const address of ["ada@alpha.test", "Ada@alpha.test"]) {
  test(`GnuPG finds ${address} in the Web Key Directory without being told anything`, async () => {
    await using home = await gnupg();
    const locate = ["--auto-key-locate", "clear,wkd", "--locate-external-keys", address];
    const path = `${await gpgTrustingUs()}:${process.env["PATH"] ?? ""}`;
    const { stderr } = await home.gpg(locate, { env: { PATH: path } });
    assert.deepEqual(await fingerprints(home), [ada.fingerprint], stderr);
  });
}

test("GnuPG believes no directory that the system's authorities do not vouch for", async () => {
  await using home = await gnupg();
  const locate = ["--auto-key-locate", "clear,wkd", "--locate-external-keys", "ada@alpha.test"];
  assert.notEqual((await home.gpg(locate)).code, 0);
  assert.deepEqual(await fingerprints(home), []);
});

test("GnuPG merges a published revocation into a key that it had before", async () => {
  await using home = await gnupg();
  const address = "rotating@alpha.test";
  const { certificate, supersede } = await publishLiveKey(server.store, address);
  assert.equal((await home.gpg([...at(), "--recv-keys", certificate.fingerprint])).code, 0);
  const validity = async (): Promise<string | undefined> => {
    const { stdout } = await home.gpg(["--with-colons", "--list-keys", certificate.fingerprint]);
    return /^pub:(.):/m.exec(stdout.toString())?.[1];
  };
  assert.notEqual(await validity(), "r");
  await supersede();
  const { code, stderr } = await home.gpg([...at(), "--refresh-keys"]);
  assert.equal(code, 0, stderr);
  assert.equal(await validity(), "r");
});

test("every certificate of ours has the user ID of its address, so that GnuPG imports it", async () => {
  await using home = await gnupg();
  const { stderr } = await home.gpg([...at(), "--recv-keys", old.fingerprint]);
  assert.doesNotMatch(stderr, /no user ID/);
  const address = parseAddress("ada@alpha.test");
  assert(address);
  for (const { userIds } of [ada, old]) assert(userIds.some((one) => userIdMatches(one, address)));
});

/** A program that finds our hosts and trusts our authority. */
async function client(command: string, args: readonly string[]): Promise<RunResult> {
  const [wrapper = ""] = globSync("/usr/lib{64,,/*-linux-*}/libnss_wrapper.so");
  const file = join(dir, "hosts");
  await writeFile(
    file,
    Object.entries(hosts)
      .map(([name, to]) => `${to} ${name}\n`)
      .join(""),
  );
  const env = { LD_PRELOAD: wrapper, NSS_WRAPPER_HOSTS: file, SSL_CERT_FILE: pki.caFile };
  return run(command, args, { env: { ...env, HOME: dir } });
}

async function fingerprintsIn(bytes: Uint8Array): Promise<readonly string[]> {
  const parsed = await parseCertificates(bytes);
  assert(parsed.kind === "parsed");
  return parsed.certificates.map(({ fingerprint }) => fingerprint);
}

test("sq gets a certificate from the keyserver, by address and by fingerprint", async () => {
  const place = `hkps://${NAME}:${String(server.port)}`;
  for (const [query, wanted] of [
    ["ada@alpha.test", ada],
    [ada.fingerprint, ada],
    [old.fingerprint, old],
  ] as const) {
    const { code, stdout, stderr } = await client("sq", ["keyserver", "-s", place, "get", query]);
    assert.equal(code, 0, stderr);
    assert.deepEqual(await fingerprintsIn(stdout), [wanted.fingerprint]);
  }
  const missing = await client("sq", ["keyserver", "-s", place, "get", "absent@alpha.test"]);
  assert.notEqual(missing.code, 0);
});

test("sq gets a certificate from the Web Key Directory", async () => {
  const { code, stdout, stderr } = await client("sq", ["wkd", "get", "ada@alpha.test"]);
  assert.equal(code, 0, stderr);
  assert.deepEqual(await fingerprintsIn(stdout), [ada.fingerprint]);
});

test("curl gets what GnuPG imports, and 304 with the tag of what it has", async () => {
  const place = `https://${NAME}:${String(server.port)}`;
  const file = join(dir, "ada.asc");
  const url = `${place}/pks/lookup?op=get&search=ada@alpha.test`;
  const tag = join(dir, "tag");
  const saving = ["--etag-save", tag, "-o", file, url];
  const got = await client("curl", ["-sS", "--fail", "--cacert", pki.caFile, ...saving]);
  assert.equal(got.code, 0, got.stderr);
  await using home = await gnupg();
  assert.equal((await home.gpg(["--import", file])).code, 0);
  assert.deepEqual(await fingerprints(home), [ada.fingerprint]);
  const again = ["--etag-compare", tag, "-o", "/dev/null", "-w", "%{http_code}", url];
  const known = await client("curl", ["-sS", "--cacert", pki.caFile, ...again]);
  assert.equal(known.stdout.toString(), "304");
  const posted = ["-X", "POST", "-d", "keytext=x", "-w", "%{http_code}", "-o", "/dev/null"];
  const refused = await client("curl", [
    "-sS",
    "--cacert",
    pki.caFile,
    ...posted,
    `${place}/pks/add`,
  ]);
  assert.equal(refused.stdout.toString(), "405");
});
