import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { promisify } from "node:util";
import { readKey } from "openpgp";

import { wholeSecond } from "../../../test/support/forge-certificate.ts";
import { Secret } from "../../base/secret.ts";
import { after, DAY, MINUTE, systemClock } from "../../base/time.ts";
import { type EmailAddress, parseAddress } from "../../mail/address.ts";
import { acceptForEncryption } from "../certificates/acceptance.ts";
import { parseCertificates, partsOf } from "../certificates/certificate.ts";
import { certificateConfig } from "../certificates/profile.ts";
import { readKeyPackets } from "../packets/key-packets.ts";
import { readKeySignature } from "../packets/key-signature.ts";
import { generateKey } from "./generate.ts";
import { lockForExport } from "./lock-for-export.ts";
import { readSecretKey } from "./secret-key.ts";

const run = promisify(execFile);
const NOW = wholeSecond(systemClock.now());
const ADA = address("ada.quill@post.example");

function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert(parsed);
  return parsed;
}

const compat = await generateKey({ address: ADA, profile: "compat", now: NOW });
const modern = await generateKey({ address: ADA, profile: "modern", now: NOW });

test("a compat key is v4, EdDSALegacy and ECDH on Curve25519Legacy; one certifies and signs, one encrypts", async () => {
  const parts = partsOf(compat.certificate);
  assert(parts);
  assert.equal(parts.primary.material.version, 4);
  assert.equal(parts.primary.material.algorithm.id, 22);
  assert.deepEqual(parts.primary.signatures, []);
  const [user] = parts.users;
  const [subkey] = parts.subkeys;
  assert(user && subkey && parts.users.length === 1 && parts.subkeys.length === 1);
  assert.equal(subkey.material?.algorithm.id, 18);
  assert.deepEqual(
    user.signatures.map(({ type, keyFlags, features }) => ({ type, keyFlags, features })),
    [{ type: 0x13, keyFlags: 3, features: 1 }],
  );
  assert.deepEqual(
    subkey.signatures.map(({ type, keyFlags }) => ({ type, keyFlags })),
    [{ type: 0x18, keyFlags: 12 }],
  );
  const [signature] = await selfCertifications(compat.certificate.bytes);
  assert(signature);
  assert.deepEqual([...(signature.preferredSymmetricAlgorithms ?? [])], [9, 7]);
  assert.deepEqual([...(signature.preferredHashAlgorithms ?? [])].slice(0, 2), [10, 8]);
  assert.equal(signature.preferredCompressionAlgorithms?.[0], 0);
  assert.equal(signature.hashAlgorithm, 10);
});

test("a modern key is v6, Ed25519 and X25519, with its preferences in the direct-key signature", async () => {
  const parts = partsOf(modern.certificate);
  assert(parts);
  assert.equal(parts.primary.material.version, 6);
  assert.equal(parts.primary.material.algorithm.id, 27);
  const [subkey] = parts.subkeys;
  assert(subkey && parts.subkeys.length === 1);
  assert.equal(subkey.material?.algorithm.id, 25);
  assert.equal(subkey.signatures[0]?.keyFlags, 12);
  const [direct] = parts.primary.signatures;
  assert(direct && parts.primary.signatures.length === 1);
  assert.equal(direct.type, 0x1f);
  assert.equal(direct.keyFlags, 3);
  assert.equal(direct.features, 0x01 | 0x08);
  // Subpacket 39 begins with AES-256/OCB, AES-128/OCB, AES-256/GCM.
  const suites = Buffer.from([39, 9, 2, 7, 2, 9, 3]);
  assert(Buffer.from(direct.body).includes(suites));
  assert.equal(parts.users[0]?.signatures[0]?.keyFlags, undefined);
});

for (const [profile, generated] of Object.entries({ compat, modern })) {
  test(`a ${profile} key carries the address alone, is dated a minute back and expires after three years`, async () => {
    assert.deepEqual(generated.certificate.userIds, ["ada.quill@post.example"]);
    assert.deepEqual(generated.certificate.created, after(NOW, -MINUTE));
    const acceptance = await acceptForEncryption(generated.certificate, ADA, NOW);
    assert(acceptance.kind === "acceptable");
    assert.deepEqual(acceptance.expires, after(after(NOW, -MINUTE), 3 * 365 * DAY));
    const expired = await acceptForEncryption(
      generated.certificate,
      ADA,
      after(NOW, 3 * 365 * DAY),
    );
    assert.deepEqual(expired, { kind: "unusable", reason: "expired" });
  });

  test(`the generic revocation of a ${profile} key has reason 0 and says where it comes from`, () => {
    const read = readKeyPackets(generated.genericRevocation, 1);
    assert(read.kind === "read" && read.packets[0]?.tag === 2);
    const signature = readKeySignature(read.packets[0].body);
    assert(signature);
    assert.equal(signature.type, 0x20);
    assert.deepEqual(signature.reason, { code: 0, text: "escrowed at generation" });
    assert.equal(signature.issuer, generated.certificate.fingerprint);
    assert.deepEqual(signature.created, generated.certificate.created);
  });
}

test("an internationalised address has its domain as U-label, an ASCII one as A-label", async () => {
  const eai = await generateKey({
    address: address("jürgen@bücher.example"),
    profile: "compat",
    now: NOW,
  });
  assert.deepEqual(eai.certificate.userIds, ["jürgen@bücher.example"]);
  assert.equal(
    (await acceptForEncryption(eai.certificate, address("jürgen@bücher.example"), NOW)).kind,
    "acceptable",
  );
  const ascii = await generateKey({
    address: address("ada@bücher.example"),
    profile: "compat",
    now: NOW,
  });
  assert.deepEqual(ascii.certificate.userIds, ["ada@xn--bcher-kva.example"]);
});

test("an address that needs quotes keeps them", async () => {
  const odd = address('"ada quill"@post.example');
  const { certificate } = await generateKey({ address: odd, profile: "compat", now: NOW });
  assert.deepEqual(certificate.userIds, ['"ada quill"@post.example']);
  assert.equal((await acceptForEncryption(certificate, odd, NOW)).kind, "acceptable");
});

async function selfCertifications(binaryKey: Uint8Array) {
  const key = await readKey({ binaryKey, config: certificateConfig });
  return key.users.flatMap((user) => user.selfCertifications);
}

/** A GnuPG home that is gone, with its agents, when the test ends. */
async function gnupg() {
  const home = await mkdtemp(join(tmpdir(), "sealpost-gpg-"));
  const env = { ...process.env, GNUPGHOME: home, LC_ALL: "C" };
  const options = { env, timeout: 60_000 };
  return {
    home,
    gpg: async (...args: readonly string[]) =>
      (await run("gpg", ["--batch", "--no-tty", "--pinentry-mode", "loopback", ...args], options))
        .stdout,
    [Symbol.asyncDispose]: async () => {
      await run("gpgconf", ["--kill", "all"], options);
      await rm(home, { recursive: true, force: true });
    },
  };
}

test("GnuPG imports the compat certificate and its exported secret key, and uses both", async () => {
  await using gnu = await gnupg();
  using key = await readSecretKey(compat.secretKey);
  using passphrase = Secret.fromText("export me");
  const file = (name: string) => join(gnu.home, name);
  await writeFile(file("certificate"), compat.certificate.bytes);
  await writeFile(file("secret"), await lockForExport(key, passphrase));
  await writeFile(file("text"), "hello\n");
  await gnu.gpg("--import", file("certificate"));
  const listed = await gnu.gpg("--with-colons", "--list-keys", compat.certificate.fingerprint);
  assert.match(listed, /^pub:[^:]*:25[56]:22:/m);
  assert.match(listed, /^sub:[^:]*:25[56]:18:/m);
  assert.match(
    listed,
    /^uid:[^:]*:[^:]*:[^:]*:[^:]*:[^:]*:[^:]*:[^:]*:[^:]*:ada\.quill@post\.example:/m,
  );
  const unlock = ["--passphrase", "export me"];
  await gnu.gpg(...unlock, "--import", file("secret"));
  assert.match(await gnu.gpg("--with-colons", "--list-secret-keys"), /^sec:/m);
  const user = ["--trust-model", "always", "-u", compat.certificate.fingerprint, "-r", ADA.local];
  await gnu.gpg(
    ...unlock,
    ...user,
    "--output",
    file("sealed"),
    "--sign",
    "--encrypt",
    file("text"),
  );
  assert.equal(await gnu.gpg(...unlock, "--decrypt", file("sealed")), "hello\n");
});

test("GnuPG takes the generic revocation and regards the key as revoked", async () => {
  await using gnu = await gnupg();
  await writeFile(join(gnu.home, "certificate"), compat.certificate.bytes);
  await writeFile(join(gnu.home, "revocation"), compat.genericRevocation);
  await gnu.gpg("--import", join(gnu.home, "certificate"), join(gnu.home, "revocation"));
  const listed = await gnu.gpg("--with-colons", "--list-keys", compat.certificate.fingerprint);
  assert.match(listed, /^pub:r:/m);
});

const GNUPG_KEYS: readonly [string, readonly string[], string | undefined][] = [
  ["default (RSA)", ["default"], undefined],
  ["future-default (Curve25519)", ["future-default"], undefined],
  ["nistp384", ["nistp384", "nistp384"], undefined],
  ["brainpoolP256r1", ["brainpoolP256r1", "brainpoolP256r1"], undefined],
  ["brainpoolP512r1", ["brainpoolP512r1", "brainpoolP512r1"], undefined],
  ["rsa2048 without an encryption subkey", ["rsa2048"], "no-encryption-key"],
];
for (const [name, [primary = "", subkey], reason] of GNUPG_KEYS) {
  test(`a certificate that GnuPG made with ${name} is ${reason ?? "acceptable"}`, async () => {
    await using gnu = await gnupg();
    const user = "Ada Quill (work) <ada.quill@post.example>";
    const unlock = ["--passphrase", "", "--no-emit-version"];
    await gnu.gpg(...unlock, "--quick-generate-key", user, primary, "default", "1y");
    if (subkey !== undefined) {
      const listed = await gnu.gpg("--with-colons", "--list-keys");
      const fingerprint = /^fpr:+([0-9A-F]{40}):/m.exec(listed)?.[1] ?? "";
      await gnu.gpg(...unlock, "--quick-add-key", fingerprint, subkey, "encr", "1y");
    }
    const armored = await gnu.gpg("--armor", "--export");
    const parsed = await parseCertificates(Buffer.from(armored));
    assert(parsed.kind === "parsed" && parsed.certificates[0]);
    const acceptance = await acceptForEncryption(parsed.certificates[0], ADA, systemClock.now());
    assert.equal(acceptance.kind === "unusable" ? acceptance.reason : undefined, reason);
    const elsewhere = address("ada@post.example");
    const other = await acceptForEncryption(parsed.certificates[0], elsewhere, systemClock.now());
    assert.equal(other.kind, "unusable");
  });
}
