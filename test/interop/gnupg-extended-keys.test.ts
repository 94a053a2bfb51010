/** GnuPG sees how long a key lives after we extended it. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after as afterAll, before, test } from "node:test";

import { type Gnupg, openGnupg } from "../../lab/gnupg.ts";
import { Secret } from "../../src/base/secret.ts";
import { DAY, after, systemClock, toUnixSeconds } from "../../src/base/time.ts";
import { extendExpiry } from "../../src/openpgp/keys/extend.ts";
import { generateKey } from "../../src/openpgp/keys/generate.ts";
import { importSecretKey } from "../../src/openpgp/imports/import-secret-key.ts";
import { lockForExport } from "../../src/openpgp/keys/lock-for-export.ts";
import { readSecretKey } from "../../src/openpgp/keys/secret-key.ts";
import { signAndEncrypt } from "../../src/openpgp/messages/encrypt.ts";
import { addressOf } from "../support/address.ts";

const NOW = systemClock.now();
const EXPIRES = after(NOW, 1234 * DAY);
const SECONDS = String(toUnixSeconds(EXPIRES));

let dir: string;
let gnupg: Gnupg;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-extend-"));
  gnupg = await openGnupg({ home: join(dir, "h") });
});
afterAll(async () => {
  await gnupg[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

/** @throws Error when it fails */
async function gpg(args: readonly string[], input?: Uint8Array): Promise<string> {
  const options = input === undefined ? {} : { input };
  const { code, stdout, stderr } = await gnupg.gpg(["--trust-model", "always", ...args], options);
  assert.equal(code, 0, stderr);
  return stdout.toString();
}

/** Until when the primary key and its subkeys live, as GnuPG says: seconds, or nothing. */
async function endsOf(fingerprint: string): Promise<readonly (string | undefined)[]> {
  const listed = await gpg(["--with-colons", "--fixed-list-mode", "--list-keys", fingerprint]);
  return listed
    .split("\n")
    .filter((line) => /^(?:pub|sub):/.test(line))
    .map((line) => line.split(":")[6]);
}

test("GnuPG shows the new date of a key of ours, and seals to it", async () => {
  const address = addressOf("ours@alpha.test");
  const made = await generateKey({ address, profile: "compat", now: after(NOW, -DAY) });
  await gpg(["--import"], made.certificate.bytes);
  using key = await readSecretKey(made.secretKey);
  const { certificate, secretKey } = await extendExpiry({ key, expires: EXPIRES, now: NOW });
  using _ = secretKey;
  await gpg(["--import"], certificate.bytes);
  assert.deepEqual(await endsOf(certificate.fingerprint), [SECONDS, SECONDS]);
  const sealing = ["--encrypt", "--recipient", certificate.fingerprint];
  assert(await gpg([...sealing, "--output", "-"], Buffer.from("text")));
});

for (const [algorithm, subkeys] of [
  [
    "rsa3072",
    [
      ["rsa3072", "encr"],
      ["rsa3072", "sign"],
    ],
  ],
  [
    "ed25519",
    [
      ["cv25519", "encr"],
      ["ed25519", "sign"],
    ],
  ],
  ["brainpoolP256r1", [["brainpoolP256r1", "encr"]]],
] as const) {
  test(`GnuPG shows the new date of its own ${algorithm} key and its subkeys, and uses it`, async () => {
    const name = `${algorithm}@alpha.test`;
    const open = ["--passphrase", ""];
    await gpg([...open, "--quick-generate-key", name, algorithm, "sign,cert", "1y"]);
    const listed = await gpg(["--with-colons", "--list-keys", name]);
    const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(listed)?.[1] ?? "";
    for (const [kind, usage] of subkeys) {
      await gpg([...open, "--quick-add-key", fingerprint, kind, usage, "1y"]);
    }
    const ends = [SECONDS, ...subkeys.map(() => SECONDS)];
    const { stdout: bytes } = await gnupg.gpg([...open, "--export-secret-keys", fingerprint]);
    const o = { bytes, passphrase: undefined, address: addressOf(name), now: systemClock.now() };
    const result = await importSecretKey(o);
    assert(result.kind === "importable", JSON.stringify(result));
    using key = await readSecretKey(result.secretKey);
    const now = systemClock.now();
    const { certificate, secretKey } = await extendExpiry({ key, expires: EXPIRES, now });
    using longer = await readSecretKey(secretKey);
    await gpg(["--import"], certificate.bytes);
    assert.deepEqual(await endsOf(fingerprint), ends);
    // The extended key goes home, locked, and opens and verifies there what was sealed by it here.
    await gpg(["--yes", "--delete-secret-and-public-keys", fingerprint]);
    using passphrase = Secret.fromText("staple");
    const locked = ["--passphrase", "staple"];
    await gpg([...locked, "--import"], await lockForExport(longer, passphrase));
    assert.deepEqual(await endsOf(fingerprint), ends);
    const sealed = await signAndEncrypt({
      data: Buffer.from("sealed"),
      signer: longer,
      recipients: [certificate],
      intended: [],
      now: systemClock.now(),
    });
    const status = await gpg([...locked, "--status-fd", "1", "--decrypt"], sealed);
    assert.match(status, /\[GNUPG:\] GOODSIG /);
    assert.match(status, /sealed/);
  });
}
