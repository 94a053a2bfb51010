/** Keys that users bring along, made to break in, to lie or to keep us busy: refused by name, within a second. */
import assert from "node:assert/strict";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { test } from "node:test";

import { type Config, encryptKey, generateKey as generateByLibrary } from "openpgp";

import { signDetached } from "../support/signatures.ts";
import { Secret } from "../../src/base/secret.ts";
import { DAY, MINUTE, SECOND, after } from "../../src/base/time.ts";
import type { EmailAddress } from "../../src/mail/address.ts";
import { TAG, writePacket } from "../../src/openpgp/packets/certificate-parts.ts";
import { importCertificate } from "../../src/openpgp/certificates/import-certificate.ts";
import type { ImportedSecretKey } from "../../src/openpgp/imports/import-secret-key.ts";
import { certificateConfig, exportConfig } from "../../src/openpgp/certificates/profile.ts";
import { type UnlockedKey, readSecretKey } from "../../src/openpgp/keys/secret-key.ts";
import { verifySignature } from "../../src/openpgp/messages/verify.ts";
import { readDetachedSignatures } from "../../src/openpgp/messages/signature-facts.ts";
import { addressOf } from "../support/address.ts";
import { readByLibrary } from "../support/read-by-library.ts";
import { cpuStopwatch } from "../support/cpu-time.ts";
import {
  flags,
  newForge,
  packetOf,
  primaryOf,
  sign,
  subkeyOf,
  userIdOf,
} from "../support/forge-certificate.ts";
import { longRsaKey } from "../support/long-rsa-key.ts";
import { longestBlock } from "../support/longest-block.ts";
import { mutate, seededRandom } from "../support/mutate.ts";
import { NOW, PASSPHRASE, ownKey } from "../support/openpgp-messages.ts";
import {
  forgedSecret,
  imported as importLocked,
  joined,
  packetsOf,
} from "../support/secret-keys.ts";

const ADDRESS = addressOf("ada@alpha.test");
const MADE = after(NOW, -DAY);
const ada = await ownKey("ada@alpha.test", "compat");
const modern = await ownKey("ada@alpha.test", "modern");
const rsa = await made({ type: "rsa", rsaBits: 3072 });
const CHEAP = { ...exportConfig, s2kIterationCountByte: 0 };

type LibraryOptions = Partial<Parameters<typeof generateByLibrary>[0]>;

async function made(options: LibraryOptions): Promise<UnlockedKey> {
  const { privateKey } = await generateByLibrary({
    userIDs: { email: "ada@alpha.test" },
    date: MADE,
    ...options,
    format: "object",
  });
  return readSecretKey(new Secret(privateKey.write()));
}

const rawOf = (key: UnlockedKey): Uint8Array => {
  using raw = key.secretBytes();
  return Uint8Array.from(raw.reveal());
};

async function lockedWith(key: UnlockedKey, config: Readonly<Config>): Promise<Uint8Array> {
  const locked = await encryptKey({
    privateKey: await readByLibrary(key),
    passphrase: PASSPHRASE,
    config,
  });
  return locked.write();
}

async function importAs(
  bytes: Uint8Array,
  o: { readonly address?: EmailAddress; readonly limitMs?: number } = {},
): Promise<ImportedSecretKey> {
  const { address = ADDRESS, limitMs = SECOND } = o;
  const elapsed = cpuStopwatch();
  const imported = await importLocked(bytes, { address, now: NOW, passphrase: PASSPHRASE });
  const tookMs = elapsed();
  assert(tookMs < limitMs, `${String(tookMs)} ms: ${imported.kind}`);
  return imported;
}

async function refusalOf(...given: Parameters<typeof importAs>): Promise<string> {
  const imported = await importAs(...given);
  return imported.kind === "refused" ? imported.reason : imported.kind;
}

test("user IDs that say otherwise what the key is for do not keep it from signing", async () => {
  const forge = await newForge(MADE);
  const [key, bind] = [await primaryOf(forge), await subkeyOf(forge)];
  const { keyPacket, subkeys } = forge.secret;
  const certified = async (text: string, date: Date, keyFlags: number) => {
    const userID = userIdOf(text);
    const facts = { keyFlags: flags(keyFlags) };
    const signature = await sign(keyPacket, "certPositive", { key, userID }, date, facts);
    return [writePacket(TAG.userId, userID.write()), packetOf(signature)];
  };
  const binding = { keyFlags: flags(0x0c) };
  const bytes = Buffer.concat([
    writePacket(TAG.secretKey, keyPacket.write()),
    ...(await certified("ada@alpha.test", MADE, 0x03)),
    ...(await certified("ada@beta.test", after(MADE, 2 * SECOND), 0x03)),
    ...(await certified("ada@gamma.test", after(MADE, SECOND), 0x01)),
    writePacket(TAG.secretSubkey, subkeys[0]?.keyPacket.write() ?? Buffer.alloc(0)),
    packetOf(await sign(keyPacket, "subkeyBinding", { key, bind }, MADE, binding)),
  ]);
  const imported = await importAs(bytes);
  assert(imported.kind === "importable");
  using raw = imported.secretKey;
  using own = await readSecretKey(raw);
  assert.deepEqual(imported.certificate.userIds, ["ada@alpha.test"]);
  assert.deepEqual(own.certificate.userIds, ["ada@alpha.test", "ada@beta.test"]);
  await assertSigns(own, imported.certificate, "by the flags of ada@alpha.test");
  const gamma = await importAs(bytes, { address: addressOf("ada@gamma.test") });
  assert.deepEqual(gamma, { kind: "refused", reason: "no-signing-key" });
});

test("where no user ID says what a key is for, its direct-key signature does, as long as it lasts", async () => {
  const forge = await newForge(MADE);
  const mayAll = { keyFlags: flags(0x03) };
  const ending = { signatureExpirationTime: 30 * 86_400, signatureNeverExpires: false };
  for (const [name, direct, expected] of [
    ["it may sign", mayAll, "importable"],
    ["it may certify", { keyFlags: flags(0x01) }, "no-signing-key"],
    ["it may sign for a month", { ...mayAll, ...ending }, "no-signing-key"],
    ["nothing", { keyFlags: null as never }, "no-signing-key"],
  ] as const) {
    const plan = {
      date: MADE,
      userIds: ["ada@alpha.test", "ada@beta.test"],
      certification: { keyFlags: null as never },
    };
    const imported = await importAs(await forgedSecret(forge, { ...plan, direct }));
    assert.equal(imported.kind === "refused" ? imported.reason : imported.kind, expected, name);
    if (imported.kind === "refused") continue;
    using raw = imported.secretKey;
    using own = await readSecretKey(raw);
    assert.deepEqual(own.certificate.userIds, plan.userIds);
    await assertSigns(own, imported.certificate, name);
  }
});

test("a direct-key signature by somebody else says nothing", async () => {
  const [forge, other] = [await newForge(MADE), await newForge(MADE)];
  const key = await primaryOf(forge);
  const facts = { keyFlags: flags(0x03) };
  const direct = packetOf(await sign(other.secret.keyPacket, "key", { key }, MADE, facts));
  const plan = {
    date: MADE,
    userIds: ["ada@alpha.test"],
    certification: { keyFlags: null as never },
  };
  const [primary, ...rest] = packetsOf(await forgedSecret(forge, plan));
  assert(primary);
  const bytes = Buffer.concat([joined([primary]), direct, joined(rest)]);
  assert.equal(await refusalOf(bytes), "no-signing-key");
});

test("a file of many keys, each as costly as one may be, keeps nobody else waiting", async () => {
  const argon2 = { ...exportConfig, aeadProtect: true, s2kType: 4 };
  const onePass = {
    ...argon2,
    s2kArgon2Params: { passes: 1, parallelism: 1, memoryExponent: 17 },
  };
  const iterated = { ...exportConfig, s2kIterationCountByte: 255 };
  for (const [count, config, expected] of [
    [4, iterated, "importable"],
    [11, iterated, "costly-protection"],
    [4, argon2, "importable"],
    [5, argon2, "costly-protection"],
    [4, onePass, "importable"],
    [5, onePass, "costly-protection"],
    [40, CHEAP, "too-large"],
  ] as const) {
    const subkeys = Array.from({ length: count }, () => ({}));
    const many = await made({ type: "ecc", curve: "curve25519Legacy", subkeys });
    const bytes = await lockedWith(many, config);
    const delay = monitorEventLoopDelay({ resolution: 5 });
    delay.enable();
    // What is refused is refused within a second; what is taken over may take a little for each key.
    const limitMs = expected === "importable" ? 5 * SECOND : SECOND;
    assert.equal(await refusalOf(bytes, { limitMs }), expected, String(count));
    delay.disable();
    assert(delay.max < 500_000_000, `${String(count)}: ${String(delay.max)} ns`);
  }
});

test("as many RSA keys as one may bring, as long as they may be, keep nobody else waiting", async () => {
  const user = "ada@alpha.test";
  const bytes = await longRsaKey({ user, date: MADE, bits: 8192, subkeys: 11 });
  let refusal: string | undefined;
  const blockedMs = await longestBlock(async () => {
    refusal = await refusalOf(bytes, { limitMs: 5 * SECOND });
  });
  assert.equal(refusal, "importable");
  assert(blockedMs < SECOND / 2, `${String(blockedMs)} ms`);
});

test("as many slow self-signatures as are looked at keep nobody else waiting", async () => {
  const { privateKey } = await generateByLibrary({
    type: "curve448",
    userIDs: Array.from({ length: 80 }, (_, nth) => ({ email: `ada${nth || ""}@alpha.test` })),
    date: MADE,
    config: { v6Keys: true },
    format: "object",
  });
  const certificate = privateKey.toPublic().write();
  let refusal: string | undefined;
  const blockedMs = await longestBlock(async () => {
    refusal = await refusalOf(privateKey.write(), { limitMs: 5 * SECOND });
    await importCertificate({ bytes: certificate, address: ADDRESS, now: NOW });
  });
  assert.equal(refusal, "importable");
  assert(blockedMs < SECOND / 2, `${String(blockedMs)} ms`);
});

test("changed keys are refused, or are what they were, within a second", async () => {
  const keys = [ada, modern, rsa];
  const inputs = [
    ...keys.map(rawOf),
    ...(await Promise.all(keys.map((key) => lockedWith(key, CHEAP)))),
    Buffer.from((await readByLibrary(ada)).armor(certificateConfig)),
  ];
  const fingerprints = new Set<string>(keys.map(({ fingerprint }) => fingerprint));
  const random = seededRandom(9580);
  for (let round = 0; round < 700; round += 1) {
    const bytes = mutate(random, inputs[round % inputs.length] ?? new Uint8Array(), inputs);
    const name = `round ${String(round)}`;
    const certificate = await importCertificate({ bytes, address: ADDRESS, now: NOW });
    assert.equal(certificate.kind, "refused", name);
    const imported = await importAs(bytes);
    if (imported.kind === "refused") continue;
    using raw = imported.secretKey;
    using key = await readSecretKey(raw);
    assert(fingerprints.has(key.fingerprint), name);
    assert.equal(imported.certificate.fingerprint, key.fingerprint, name);
    await assertSigns(key, imported.certificate, name);
  }
});

async function assertSigns(
  key: UnlockedKey,
  certificate: UnlockedKey["certificate"],
  name: string,
): Promise<void> {
  const data = Buffer.from(name);
  const signed = await signDetached({ data, signer: key, intended: [], now: NOW });
  const [signature] = readDetachedSignatures(signed) ?? [];
  assert(signature !== undefined, name);
  const now = after(NOW, MINUTE);
  assert.equal((await verifySignature({ data, signature, certificate, now })).kind, "valid", name);
}
