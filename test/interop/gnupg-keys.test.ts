/** Keys that wander between GnuPG and us: its own are taken over, ours are taken home, and users prove that a key is their own. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openGnupg, type Gnupg } from "../../lab/gnupg.ts";
import type { RunOptions } from "../../lab/run.ts";
import { Secret } from "../../src/base/secret.ts";
import { systemClock } from "../../src/base/time.ts";
import type { Certificate } from "../../src/openpgp/certificates/certificate.ts";
import { decrypt } from "../../src/openpgp/messages/decrypt.ts";
import { signAndEncrypt } from "../../src/openpgp/messages/encrypt.ts";
import { generateKey } from "../../src/openpgp/keys/generate.ts";
import { importCertificate } from "../../src/openpgp/certificates/import-certificate.ts";
import {
  type ImportedSecretKey,
  importSecretKey,
} from "../../src/openpgp/imports/import-secret-key.ts";
import { possessionChallenge, provesPossession } from "../../src/openpgp/imports/possession.ts";
import { lockForExport } from "../../src/openpgp/keys/lock-for-export.ts";
import { type UnlockedKey, readSecretKey } from "../../src/openpgp/keys/secret-key.ts";
import { verifySignature } from "../../src/openpgp/messages/verify.ts";
import { readDetachedSignatures } from "../../src/openpgp/messages/signature-facts.ts";
import { whichRevoked } from "../../src/openpgp/certificates/which-revoked.ts";
import { addressOf } from "../support/address.ts";
import { expectDecrypted } from "../support/openpgp-messages.ts";

type Made = { readonly name: string; readonly algorithm: string; readonly passphrase: string };

const RSA: Made = {
  name: "locked-rsa@alpha.test",
  algorithm: "rsa3072",
  passphrase: "correct hörse",
};
const CURVE: Made = {
  name: "locked-curve@alpha.test",
  algorithm: "future-default",
  passphrase: "staple",
};
const MADE: readonly Made[] = [
  RSA,
  CURVE,
  { ...RSA, name: "open-rsa@alpha.test", passphrase: "" },
  { ...CURVE, name: "open-curve@alpha.test", passphrase: "" },
];

let dir: string;
let gnupg: Gnupg;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-keys-"));
  gnupg = await openGnupg({ home: join(dir, "h") });
  // Fast enough for a test; by default it takes what 100 ms allow.
  await writeFile(join(gnupg.home, "gpg-agent.conf"), "s2k-count 1048576\n");
  for (const made of MADE) await generateIn(made);
});
after(async () => {
  await gnupg[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

/** @throws Error when it fails */
async function gpg(args: readonly string[], options: RunOptions = {}): Promise<Buffer> {
  const { code, stdout, stderr } = await gnupg.gpg(["--trust-model", "always", ...args], options);
  if (code !== 0) throw new Error(`gpg ${args.join(" ")}: ${stderr}`);
  return stdout;
}

async function generateIn({ name, algorithm, passphrase }: Made): Promise<void> {
  const secretly = ["--passphrase", passphrase];
  if (algorithm === "future-default") {
    await gpg([...secretly, "--quick-generate-key", name, algorithm, "default", "1y"]);
    return;
  }
  await gpg([...secretly, "--quick-generate-key", name, algorithm, "sign,cert", "1y"]);
  const fingerprint = await fingerprintOf(name);
  await gpg([...secretly, "--quick-add-key", fingerprint, algorithm, "encr", "1y"]);
}

async function fingerprintOf(name: string): Promise<string> {
  const listed = await gpg(["--with-colons", "--list-keys", name]);
  const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(listed.toString())?.[1];
  assert(fingerprint !== undefined);
  return fingerprint;
}

async function takeOver(
  { name, passphrase }: Made,
  options: readonly string[],
): Promise<ImportedSecretKey> {
  const bytes = await gpg(["--passphrase", passphrase, ...options, "--export-secret-keys", name]);
  using secret = passphrase === "" ? undefined : Secret.fromText(passphrase);
  const now = systemClock.now();
  return await importSecretKey({ bytes, passphrase: secret, address: addressOf(name), now });
}

async function certificateFrom(name: string): Promise<Certificate> {
  const bytes = await gpg(["--export", name]);
  const now = systemClock.now();
  const imported = await importCertificate({ bytes, address: addressOf(name), now });
  assert(imported.kind === "importable", JSON.stringify(imported));
  return imported.certificate;
}

const sealTo = (key: UnlockedKey, certificate: Certificate, text: string) =>
  signAndEncrypt({
    data: Buffer.from(text),
    signer: key,
    recipients: [certificate],
    intended: [certificate.fingerprint],
    now: systemClock.now(),
  });

for (const made of MADE) {
  const { name, passphrase } = made;

  test(`a secret key of GnuPG's is taken over and works here and there: ${name}`, async () => {
    for (const options of [["--armor"], []]) {
      const imported = await takeOver(made, options);
      assert(imported.kind === "importable", JSON.stringify(imported));
      using raw = imported.secretKey;
      using key = await readSecretKey(raw);
      const { certificate } = imported;
      assert.equal(key.fingerprint.toUpperCase(), await fingerprintOf(name));
      assert.deepEqual(certificate.userIds, [name]);
      assert(imported.expires !== undefined && imported.expires > systemClock.now());
      const sealed = await sealTo(key, certificate, "to myself");
      const { data, signatures } = expectDecrypted(await decrypt({ message: sealed, keys: [key] }));
      assert.equal(Buffer.from(data).toString(), "to myself");
      const [signature] = signatures;
      assert(signature !== undefined);
      const now = systemClock.now();
      assert.equal((await verifySignature({ data, signature, certificate, now })).kind, "valid");
      const there = ["--passphrase", passphrase, "--status-fd", "2", "--decrypt"];
      const opened = await gnupg.gpg(["--trust-model", "always", ...there], { input: sealed });
      assert.equal(opened.stdout.toString(), "to myself");
      assert.match(opened.stderr, /\[GNUPG:\] GOODSIG /);
      const revoked = await whichRevoked([certificate], imported.genericRevocation);
      assert.equal(revoked?.revoked.kind, "hard");
    }
  });

  test(`its owner proves with GnuPG that a certificate is his: ${name}`, async () => {
    const certificate = await certificateFrom(name);
    const text = "sealpost proof 6f1c8a2b";
    const address = addressOf(name);
    const challenge = await possessionChallenge({ certificate, text, now: systemClock.now() });
    const withPassphrase = ["--passphrase", passphrase];
    const found = await gpg([...withPassphrase, "--decrypt"], { input: challenge });
    assert.equal(found.toString(), `${text}\n`);
    const signings = [
      [["--detach-sign"], found],
      [["--armor", "--detach-sign"], found.toString().trimEnd()],
      [["--textmode", "--detach-sign"], `${text}\r\n`],
    ] as const;
    for (const [signing, input] of signings) {
      const proof = await gpg([...withPassphrase, "--local-user", name, ...signing], { input });
      const o = { certificate, address, proof, now: systemClock.now() };
      assert(await provesPossession({ ...o, text }));
      assert.equal(await provesPossession({ ...o, text: `${text}0` }), false);
    }
  });

  test(`both kinds of GnuPG's revocations are taken: ${name}`, async () => {
    const certificate = await certificateFrom(name);
    const others = await Promise.all(
      MADE.filter((other) => other.name !== name).map((other) => certificateFrom(other.name)),
    );
    const fingerprint = await fingerprintOf(name);
    const file = await readFile(join(gnupg.home, "openpgp-revocs.d", `${fingerprint}.rev`));
    assert.match(file.toString(), /^:-----BEGIN PGP PUBLIC KEY BLOCK-----/m);
    // Yes; 2: superseded; no description; yes.
    const answers = "y\n2\n\ny\n";
    const asked = ["--no-batch", "--passphrase", passphrase, "--command-fd", "0"];
    const made = await gpg([...asked, "--gen-revoke", name], { input: answers });
    for (const [upload, kind] of [[file, "hard"] as const, [made, "soft"] as const]) {
      const revoked = await whichRevoked([...others, certificate], upload);
      assert.equal(revoked?.certificate.fingerprint, certificate.fingerprint);
      assert.equal(revoked.revoked.kind, kind);
      assert.equal(await whichRevoked(others, upload), undefined);
    }
  });
}

test("the passphrase of GnuPG's keys is asked for, and a wrong one refused", async () => {
  for (const { name, passphrase } of [RSA, CURVE]) {
    const bytes = await gpg(["--passphrase", passphrase, "--export-secret-keys", name]);
    const o = { bytes, address: addressOf(name), now: systemClock.now() };
    const unasked = await importSecretKey({ ...o, passphrase: undefined });
    assert.deepEqual(unasked, { kind: "refused", reason: "passphrase-needed" });
    using wrong = Secret.fromText(`${passphrase} `);
    const refused = await importSecretKey({ ...o, passphrase: wrong });
    assert.deepEqual(refused, { kind: "refused", reason: "wrong-passphrase" });
  }
});

test("a key whose primary secret GnuPG left out is refused", async () => {
  for (const { name, passphrase } of [RSA, CURVE]) {
    const bytes = await gpg(["--passphrase", passphrase, "--export-secret-subkeys", name]);
    using secret = Secret.fromText(passphrase);
    const now = systemClock.now();
    const o = { bytes, passphrase: secret, address: addressOf(name), now };
    assert.deepEqual(await importSecretKey(o), { kind: "refused", reason: "no-secret-part" });
  }
});

test("all of GnuPG's keys at once are refused", async () => {
  const address = addressOf(RSA.name);
  const o = { address, now: systemClock.now() };
  const certificates = await importCertificate({ ...o, bytes: await gpg(["--export"]) });
  assert.deepEqual(certificates, { kind: "refused", reason: "not-one-key" });
  const names = MADE.filter(({ passphrase }) => passphrase === "").map(({ name }) => name);
  const bytes = await gpg(["--armor", "--export-secret-keys", ...names]);
  const keys = await importSecretKey({ ...o, bytes, passphrase: undefined });
  assert.deepEqual(keys, { kind: "refused", reason: "not-one-key" });
});

test("a key of ours, locked for export, decrypts and signs in GnuPG, and comes back", async () => {
  const address = addressOf("ours@alpha.test");
  const now = systemClock.now();
  const generated = await generateKey({ address, profile: "compat", now });
  using raw = generated.secretKey;
  using key = await readSecretKey(raw);
  using passphrase = Secret.fromText("tröpfchen für tröpfchen");
  const locked = await lockForExport(key, passphrase);
  const withPassphrase = ["--passphrase", "tröpfchen für tröpfchen"];
  await gpg([...withPassphrase, "--import"], { input: locked });
  const sealed = await sealTo(key, key.certificate, "to GnuPG");
  const opened = await gpg([...withPassphrase, "--decrypt"], { input: sealed });
  assert.equal(opened.toString(), "to GnuPG");
  const document = join(dir, "document");
  await writeFile(document, "signed there");
  const signer = ["--local-user", key.fingerprint];
  const signed = await gpg([...withPassphrase, ...signer, "-b", "--output", "-", document]);
  const [signature] = readDetachedSignatures(signed) ?? [];
  assert(signature !== undefined);
  const data = Buffer.from("signed there");
  const check = await verifySignature({ data, signature, certificate: key.certificate });
  assert.equal(check.kind, "valid");
  const back = await gpg([...withPassphrase, "--export-secret-keys", key.fingerprint]);
  const again = await importSecretKey({ bytes: back, passphrase, address, now: systemClock.now() });
  assert(again.kind === "importable", JSON.stringify(again));
  using secretAgain = again.secretKey;
  using keyAgain = await readSecretKey(secretAgain);
  assert.equal(keyAgain.fingerprint, key.fingerprint);
});
