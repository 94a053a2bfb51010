import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import { decryptKey, readPrivateKey } from "openpgp";

import { AppError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { systemClock } from "../../base/time.ts";
import { parseAddress } from "../../mail/address.ts";
import { exportConfig } from "../certificates/profile.ts";
import { generateKey } from "./generate.ts";
import { lockForExport } from "./lock-for-export.ts";
import { readSecretKey } from "./secret-key.ts";

const address = parseAddress("ada.quill@post.example");
assert(address);
const now = systemClock.now();

for (const profile of ["compat", "modern"] as const) {
  const generated = await generateKey({ address, profile, now });

  test(`a ${profile} key is read back with the certificate it was made with`, async () => {
    using key = await readSecretKey(generated.secretKey);
    assert.deepEqual(key.certificate, generated.certificate);
    assert.equal(key.fingerprint, generated.certificate.fingerprint);
    using bytes = key.secretBytes();
    assert.deepEqual(bytes.reveal(), generated.secretKey.reveal());
  });

  test(`a ${profile} key is wiped on dispose and the caller's copy is not`, async () => {
    const key = await readSecretKey(generated.secretKey);
    key[Symbol.dispose]();
    assert.throws(() => key.secretBytes(), /wiped/);
    assert(generated.secretKey.reveal().some((octet) => octet !== 0));
  });

  test(`a ${profile} key locked for export opens with its passphrase alone, and the key stays unlocked`, async () => {
    using key = await readSecretKey(generated.secretKey);
    using passphrase = Secret.fromText("correct hörse");
    const locked = await lockForExport(key, passphrase);
    const privateKey = await readPrivateKey({ binaryKey: locked, config: exportConfig });
    assert.equal(privateKey.isDecrypted(), false);
    for (const { keyPacket } of privateKey.getKeys())
      assert.equal(Reflect.get(keyPacket, "s2kUsage"), 254);
    await assert.rejects(decryptKey({ privateKey, passphrase: "wrong", config: exportConfig }));
    const opened = await decryptKey({
      privateKey,
      passphrase: "correct hörse",
      config: exportConfig,
    });
    assert.deepEqual(Buffer.from(opened.write()), Buffer.from(generated.secretKey.reveal()));
    await assert.rejects(readSecretKey(new Secret(locked)), AppError);
  });
}

test("what is not one unlocked secret key is refused", async () => {
  const one = await generateKey({ address, profile: "compat", now });
  const bytes = one.secretKey.reveal();
  for (const raw of [
    new Uint8Array(),
    one.certificate.bytes,
    bytes.slice(0, -1),
    Buffer.concat([bytes, bytes]),
    Buffer.from("-----BEGIN PGP PRIVATE KEY BLOCK-----\n"),
  ]) {
    await assert.rejects(readSecretKey(new Secret(Uint8Array.from(raw))), AppError);
  }
});

test("a key that is printed shows no secret", async () => {
  const one = await generateKey({ address, profile: "compat", now });
  using key = await readSecretKey(one.secretKey);
  const secret = Buffer.from(one.secretKey.reveal()).toString("hex");
  for (const printed of [inspect(key, { depth: 9 }), JSON.stringify(key)]) {
    assert(!printed.includes("privateParams") && !printed.includes(secret));
  }
});
