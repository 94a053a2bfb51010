/** Stock GnuPG 2.2 as a user of our keyserver. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openGnupg, type Gnupg } from "../../lab/gnupg.ts";
import { makePki } from "../../lab/pki.ts";
import { startStubKeyserver } from "../../lab/stub-keyserver.ts";
import type { Certificate } from "../../src/openpgp/certificates/certificate.ts";
import {
  ask,
  publishKey,
  startTestKeyserver,
  type TestKeyserver,
} from "../support/test-keyserver.ts";

const NAME = "keys.alpha.test";

let dir: string;
let pki: Awaited<ReturnType<typeof makePki>>;
let server: TestKeyserver;
let ada: Certificate;
let old: Certificate;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-gnupg-"));
  pki = await makePki(dir);
  server = await startTestKeyserver(await pki.issue([NAME]));
  old = await publishKey(server.store, "ada@alpha.test", { isRevoked: true });
  ada = await publishKey(server.store, "ada@alpha.test");
});
after(async () => {
  await server[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

let homes = 0;
async function gnupg(): Promise<Gnupg> {
  homes += 1;
  return openGnupg({
    home: join(dir, `h${String(homes)}`),
    caFile: pki.caFile,
    hosts: { [NAME]: "127.0.0.2" },
  });
}

const at = (): readonly string[] => ["--keyserver", `hkps://${NAME}:${String(server.port)}`];

async function fingerprints(home: Gnupg): Promise<readonly string[]> {
  const { stdout } = await home.gpg(["--with-colons", "--list-keys"]);
  return [...stdout.toString().matchAll(/^pub:.*\n(?:tru:.*\n)*fpr:+([0-9A-F]+):/gm)].map(
    ([, fingerprint = ""]) => fingerprint,
  );
}

for (const address of ["ada@alpha.test", "Ada+news@Alpha.test"]) {
  test(`GnuPG finds the active certificate for ${address}`, async () => {
    await using home = await gnupg();
    const locate = ["--auto-key-locate", "clear,keyserver", "--locate-external-keys", address];
    const { stderr } = await home.gpg([...at(), ...locate]);
    assert.deepEqual(await fingerprints(home), [ada.fingerprint], stderr);
  });
}

test("GnuPG finds a certificate by fingerprint, and an old one's revocation with it", async () => {
  await using home = await gnupg();
  for (const { fingerprint } of [ada, old]) {
    const { code, stderr } = await home.gpg([...at(), "--recv-keys", fingerprint]);
    assert.equal(code, 0, stderr);
  }
  const { stdout } = await home.gpg(["--with-colons", "--list-keys", old.fingerprint]);
  assert.match(stdout.toString(), /^pub:r:/m);
  assert.deepEqual(
    (await fingerprints(home)).toSorted(),
    [ada, old].map((one) => one.fingerprint).toSorted(),
  );
});

test("GnuPG shows the index of a search", async () => {
  await using home = await gnupg();
  const { stdout } = await home.gpg([...at(), "--with-colons", "--search-keys", "ada@alpha.test"]);
  assert.match(stdout.toString(), new RegExp(`^pub:${ada.fingerprint}:22:`, "m"));
  assert.match(stdout.toString(), /^uid:ada@alpha\.test:/m);
});

test("GnuPG learns a revocation when it refreshes", async () => {
  await using home = await gnupg();
  await home.gpg([...at(), "--recv-keys", ada.fingerprint]);
  const { code, stderr } = await home.gpg([...at(), "--refresh-keys"]);
  assert.equal(code, 0, stderr);
});

test("GnuPG gets nothing for an address we do not have, and its upload is refused", async () => {
  await using home = await gnupg();
  const locate = ["--auto-key-locate", "clear,keyserver", "--locate-external-keys"];
  const missing = await home.gpg([...at(), ...locate, "absent@alpha.test"]);
  assert.notEqual(missing.code, 0);
  await home.gpg([...at(), "--recv-keys", ada.fingerprint]);
  const sent = await home.gpg([...at(), "--send-keys", ada.fingerprint]);
  assert.notEqual(sent.code, 0);
});

test("GnuPG uses the stub keyserver of the lab as well", async () => {
  await using stub = await startStubKeyserver({
    host: "127.0.0.2",
    tls: await pki.issue([NAME]),
    certificates: { "ada@alpha.test": await armoredFor("ada@alpha.test") },
  });
  await using home = await gnupg();
  const keyserver = ["--keyserver", `hkps://${NAME}:${String(stub.port)}`];
  const locate = ["--auto-key-locate", "clear,keyserver", "--locate-external-keys"];
  await home.gpg([...keyserver, ...locate, "ada@alpha.test"]);
  assert.deepEqual(await fingerprints(home), [ada.fingerprint]);
  assert.match(stub.requests[0] ?? "", /ada@alpha\.test/);
});

async function armoredFor(address: string): Promise<string> {
  return (await ask(server, pki, `/pks/lookup?op=get&search=${address}`)).body;
}

test("GnuPG reads the armor of certificates of every length", async () => {
  await using home = await gnupg();
  const lengths = new Set<number>();
  for (let index = 0; lengths.size < 3; index += 1) {
    const address = `${"u".repeat(index + 1)}@alpha.test`;
    const { bytes, fingerprint } = await publishKey(server.store, address);
    lengths.add(bytes.length % 3);
    const { code, stderr } = await home.gpg([...at(), "--recv-keys", fingerprint]);
    assert.equal(code, 0, stderr);
    assert.doesNotMatch(stderr, /radix64|crc/i);
  }
});
