/** Our messages and those of OpenPGP.js are the same: each opens and verifies what the other made. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import {
  type Config,
  createMessage,
  decrypt as decryptByLibrary,
  encrypt as encryptByLibrary,
  enums,
  readMessage,
} from "openpgp";

import { messageConfig } from "../../../test/support/message-config.ts";
import {
  NOW,
  expectDecrypted,
  foreignKey,
  openFully,
  ownKey,
  sealFor,
} from "../../../test/support/openpgp-messages.ts";
import { readByLibrary } from "../../../test/support/read-by-library.ts";
import { after, MINUTE, SECOND } from "../../base/time.ts";
import { ownKeys } from "../keys/own-keys.ts";
import type { UnlockedKey } from "../keys/secret-key.ts";
import { armorMessage } from "../packets/armor.ts";
import { PACKET, readPackets } from "../packets/packet.ts";
import { openContainer } from "../packets/seipd.ts";
import { decrypt } from "./decrypt.ts";
import { encryptAtRest, signAndEncrypt } from "./encrypt.ts";
import { readEncryptedMessage } from "./message-grammar.ts";
import { openPkesk } from "./pkesk.ts";

const compat = {
  a: await ownKey("a@alpha.test", "compat"),
  b: await ownKey("b@beta.test", "compat"),
};
const modern = {
  a: await ownKey("c@alpha.test", "modern"),
  b: await ownKey("d@beta.test", "modern"),
};
const rsa = await foreignKey({ type: "rsa", rsaBits: 3072 });
const curves = ["nistP256", "nistP384", "nistP521"] as const;
const FOREIGN: readonly [string, UnlockedKey][] = [
  ["RSA-3072", rsa],
  ...(await Promise.all(
    curves.map(async (curve): Promise<[string, UnlockedKey]> => [
      curve,
      await foreignKey({ type: "ecc", curve }),
    ]),
  )),
  ["X25519 v4", await foreignKey({ type: "curve25519" })],
  ["X448 v4", await foreignKey({ type: "curve448" })],
  ["X448 v6", await foreignKey({ type: "curve448", config: { v6Keys: true, aeadProtect: true } })],
];
const PAIRS: readonly [string, UnlockedKey, UnlockedKey][] = [
  ["compat", compat.a, compat.b],
  ["modern", modern.a, modern.b],
  ["compat to modern", compat.a, modern.b],
  ["modern to compat", modern.a, compat.b],
  ...FOREIGN.flatMap(([name, key]): [string, UnlockedKey, UnlockedKey][] => [
    [`to ${name}`, compat.a, key],
    [`from ${name}`, key, compat.b],
  ]),
];
const SIZES = [0, 1, 63, 20_000, 262_143, 262_144, 600_000];
const LATER = after(NOW, 10 * MINUTE);

async function openByLibrary(message: Uint8Array, reader: UnlockedKey, signer: UnlockedKey) {
  const { data, signatures } = await decryptByLibrary({
    // WebCrypto takes nothing from shared memory.
    message: await readMessage({
      binaryMessage: Uint8Array.from(message),
      config: messageConfig,
    }),
    decryptionKeys: await readByLibrary(reader),
    verificationKeys: (await readByLibrary(signer)).toPublic(),
    expectSigned: true,
    format: "binary",
    date: LATER,
    config: messageConfig,
  });
  for (const { verified } of signatures) assert.equal(await verified, true);
  return Buffer.from(data);
}

async function sealByLibrary(
  data: Uint8Array,
  signer: UnlockedKey,
  reader: UnlockedKey,
  config: Partial<Config> = {},
): Promise<Uint8Array> {
  return encryptByLibrary({
    message: await createMessage({ binary: data }),
    signingKeys: await readByLibrary(signer),
    encryptionKeys: (await readByLibrary(reader)).toPublic(),
    format: "binary",
    date: NOW,
    config: { ...messageConfig, ...config },
  });
}

for (const [name, signer, reader] of PAIRS) {
  test(`OpenPGP.js opens and verifies ours, and we open and verify its: ${name}`, async () => {
    for (const size of SIZES) {
      const data = randomBytes(size);
      const sealed = await sealFor(data, signer, reader);
      assert.deepEqual(await openByLibrary(sealed, reader, signer), data);
      assert.deepEqual(await openFully(sealed, reader, signer), data);
      assert.deepEqual(
        await openFully(await sealByLibrary(data, signer, reader), reader, signer),
        data,
      );
    }
  });
}

const { aead, compression } = enums;
const MODES: readonly [string, Partial<Config>][] = [
  ["GCM", { aeadProtect: true, preferredAEADAlgorithm: aead.gcm }],
  ["OCB", { aeadProtect: true, preferredAEADAlgorithm: aead.ocb }],
  ["EAX", { aeadProtect: true, preferredAEADAlgorithm: aead.eax }],
  ["small chunks", { aeadProtect: true, preferredAEADAlgorithm: aead.gcm, aeadChunkSizeByte: 0 }],
  ["large chunks", { aeadProtect: true, preferredAEADAlgorithm: aead.ocb, aeadChunkSizeByte: 16 }],
  ["ZIP", { preferredCompressionAlgorithm: compression.zip }],
  ["ZLIB", { preferredCompressionAlgorithm: compression.zlib }],
];

for (const [name, config] of MODES) {
  test(`we open what OpenPGP.js makes with ${name}`, async () => {
    // The key lists the mode as the one it prefers.
    const v6 = name !== "ZIP" && name !== "ZLIB";
    const reader = v6
      ? await foreignKey({ type: "curve25519", config: { ...config, v6Keys: true } })
      : await foreignKey({ type: "ecc", config });
    for (const size of [0, 15, 16, 17, 64, 1000, 20_000]) {
      const data = Buffer.alloc(size, "some text ");
      const sealed = await sealByLibrary(data, compat.a, reader, config);
      assert.deepEqual(await openFully(sealed, reader, compat.a), data);
    }
  });
}

test("a message for several recipients is of version 2 only when all of them read it", async () => {
  const data = randomBytes(1000);
  const versionOf = async (...readers: readonly UnlockedKey[]) => {
    const sealed = await sealFor(data, compat.a, ...readers);
    for (const reader of readers) {
      assert.deepEqual(await openFully(sealed, reader, compat.a), data);
      assert.deepEqual(await openByLibrary(sealed, reader, compat.a), data);
    }
    const packets = readPackets(sealed, 10);
    assert.equal(packets.length, readers.length + 1);
    return packets.map(({ body }) => body[0]);
  };
  assert.deepEqual(await versionOf(modern.a, modern.b), [6, 6, 2]);
  assert.deepEqual(await versionOf(modern.a, compat.b), [3, 3, 1]);
  const v4 = await foreignKey({ type: "ecc", config: { aeadProtect: true } });
  assert.deepEqual(await versionOf(v4, modern.b), [6, 6, 2]);
});

test("at rest nothing is signed", async () => {
  const data = randomBytes(5000);
  for (const { certificate } of [compat.b, modern.b]) {
    const message = await encryptAtRest({ data, recipients: [certificate], now: NOW });
    const opened = expectDecrypted(await decrypt({ message, keys: [compat.b, modern.b] }));
    assert.deepEqual([Buffer.from(opened.data), opened.signatures], [data, []]);
    assert.equal(opened.keyFingerprint, certificate.fingerprint);
  }
});

test("at rest its owner's mail is encrypted to a key that has ended, what leaves is not", async () => {
  const expires = 3600;
  const ended = await foreignKey({ type: "ecc", subkeys: [{ keyExpirationTime: expires }] });
  const now = after(ended.certificate.created, 2 * expires * SECOND);
  const o = { data: randomBytes(100), recipients: [ended.certificate], now };
  await assert.rejects(encryptAtRest(o));
  await assert.rejects(signAndEncrypt({ ...o, signer: modern.a, intended: [] }));
  const message = await encryptAtRest({ ...o, isOwn: true });
  const opened = expectDecrypted(await decrypt({ message, keys: [ended] }));
  assert.deepEqual(Buffer.from(opened.data), o.data);
});

test("64 intended recipients are named, 65 are an error", async () => {
  const sealTo = (count: number) =>
    signAndEncrypt({
      data: randomBytes(100),
      signer: modern.a,
      recipients: [modern.b.certificate],
      intended: Array.from({ length: count }, () => modern.b.fingerprint),
      now: NOW,
    });
  const opened = expectDecrypted(await decrypt({ message: await sealTo(64), keys: [modern.b] }));
  assert.equal(opened.signatures[0]?.intended.length, 64);
  await assert.rejects(sealTo(65));
});

test("nobody to encrypt to is an error", async () => {
  await assert.rejects(encryptAtRest({ data: randomBytes(1), recipients: [], now: NOW }));
});

test("armored messages and binary ones are opened", async () => {
  const sealed = await sealFor(Buffer.from("hello"), compat.a, compat.b);
  const opened = await openFully(armorMessage(sealed), compat.b, compat.a);
  assert.equal(opened.toString(), "hello");
});

test("a message for others names their keys and stays closed", async () => {
  const sealed = await sealFor(Buffer.from("hello"), compat.a, compat.b, rsa);
  const opened = await decrypt({ message: sealed, keys: [compat.a, modern.b] });
  assert(opened.kind === "no-key");
  const ids = [compat.b, rsa].map(({ certificate }) =>
    certificate.subkeyFingerprints[0]?.slice(-16),
  );
  assert.deepEqual(opened.keyIds, ids);
});

test("no octet of two sealings of a text is the same beyond what must be", async () => {
  const data = Buffer.alloc(1000, "x");
  const [one, two] = [
    await sealFor(data, compat.a, compat.b),
    await sealFor(data, compat.a, compat.b),
  ];
  const same = [...one.subarray(-900)].filter(
    (octet, index) => octet === two.subarray(-900)[index],
  );
  assert(same.length < 30);
});

test("the literal has no name and no date, the container a single literal and its signature", async () => {
  const sealed = await sealFor(Buffer.from("hello"), compat.a, compat.b);
  const { pkesks, container } = readEncryptedMessage(sealed);
  const [pkesk] = pkesks;
  const own = ownKeys(compat.b)[1];
  assert(pkesk && own);
  const key = openPkesk(pkesk, own, { cipher: undefined });
  assert(key);
  const packets = readPackets(await openContainer(container, key), 10);
  assert.deepEqual(
    packets.map(({ tag }) => tag),
    [PACKET.onePassSignature, PACKET.literal, PACKET.signature],
  );
  assert.equal(packets[1]?.body.toString("latin1"), "b\0\0\0\0\0hello");
});
