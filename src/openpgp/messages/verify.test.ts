import assert from "node:assert/strict";
import { createHash, sign } from "node:crypto";
import { test } from "node:test";

import { NOW, foreignKey, ownKey } from "../../../test/support/openpgp-messages.ts";
import { signDetached } from "../../../test/support/signatures.ts";
import { after, DAY, HOUR, MINUTE, toUnixSeconds } from "../../base/time.ts";
import { importSecret, ownKeys } from "../keys/own-keys.ts";
import type { UnlockedKey } from "../keys/secret-key.ts";
import { HASHES } from "../packets/algorithms.ts";
import { bigEndian, writeInteger } from "../packets/cursor.ts";
import type { Fingerprint } from "../packets/fingerprint.ts";
import { PACKET, packet } from "../packets/packet.ts";
import { trailerOf } from "../packets/signature-packet.ts";
import { readDetachedSignatures } from "./signature-facts.ts";
import { type SignatureCheck, verifySignature } from "./verify.ts";

const DATA = Buffer.from("Content-Type: text/plain\r\n\r\nA text.\r\n");
const alice = await ownKey("alice@alpha.test", "compat");
const modern = await ownKey("modern@alpha.test", "modern");
const bob = await ownKey("bob@beta.test", "compat");

type Plan = {
  readonly type?: number;
  readonly hash?: number;
  readonly data?: Uint8Array;
  /** One more hashed subpacket: its type, with the critical bit, and its body. */
  readonly subpacket?: readonly [number, Uint8Array];
};

/** A signature by alice or another v4 key on an Edwards curve, made by hand for what `signDetached` never makes. */
function handmade({ type = 0, hash = 10, data = DATA, subpacket }: Plan, signer = alice): Buffer {
  const [key] = ownKeys(signer);
  assert(key);
  const issuer = Buffer.concat([Buffer.of(22, 33, 4), Buffer.from(signer.fingerprint, "hex")]);
  const created = Buffer.concat([Buffer.of(5, 2), bigEndian(toUnixSeconds(NOW), 4)]);
  const more = subpacket
    ? Buffer.concat([Buffer.of(subpacket[1].length + 1, subpacket[0]), subpacket[1]])
    : Buffer.alloc(0);
  const hashed = Buffer.concat([created, issuer, more]);
  const head = Buffer.of(4, type, key.material.algorithm.id, hash);
  const hashedPart = Buffer.concat([head, bigEndian(hashed.length, 2), hashed]);
  const hasher = createHash(HASHES.get(hash)?.openssl ?? "sha1");
  const digest = hasher.update(data).update(trailerOf(4, hashedPart)).digest();
  const value = sign(null, digest, importSecret(key));
  const isNative = key.material.algorithm.id === 28;
  const integers = isNative
    ? [value]
    : [value.subarray(0, 32), value.subarray(32)].map((each) => writeInteger(each));
  return packet(PACKET.signature, hashedPart, Buffer.of(0, 0), digest.subarray(0, 2), ...integers);
}

async function check(
  signature: Uint8Array,
  o: { signer?: UnlockedKey; data?: Uint8Array; now?: Date | undefined } = {},
): Promise<SignatureCheck> {
  const [facts] = readDetachedSignatures(signature) ?? [];
  assert(facts);
  const { certificate } = o.signer ?? alice;
  const now = "now" in o ? o.now : after(NOW, MINUTE);
  const data = o.data ?? DATA;
  return verifySignature({ data, signature: facts, certificate, ...(now ? { now } : {}) });
}

const reasonOf = (result: SignatureCheck): string =>
  result.kind === "valid" ? "valid" : result.reason;

test("our own signature verifies, over these octets alone", async () => {
  for (const signer of [alice, modern, await foreignKey({ type: "curve448" })]) {
    const signature = await signDetached({ data: DATA, signer, intended: [], now: NOW });
    const valid = await check(signature, { signer });
    assert.deepEqual(valid, { kind: "valid", keyFingerprint: signer.fingerprint });
    const data = Buffer.from(DATA);
    data[3] = (data[3] ?? 0) ^ 1;
    assert.equal(reasonOf(await check(signature, { signer, data })), "it does not verify");
    const others = await check(signature, { signer: bob });
    assert.equal(reasonOf(others), "not made by a key of this certificate");
  }
});

test("a signature names issuer, time, hash and every intended recipient", async () => {
  const intended: readonly Fingerprint[] = [bob.fingerprint, modern.fingerprint];
  const signature = await signDetached({ data: DATA, signer: alice, intended, now: NOW });
  const [facts] = readDetachedSignatures(signature) ?? [];
  assert.deepEqual(facts?.intended, intended);
  assert.equal(facts.issuer, alice.fingerprint);
  assert.deepEqual(facts.created, NOW);
  assert.deepEqual([facts.hash, facts.isWeak, facts.expires], ["sha512", false, undefined]);
  assert.equal(reasonOf(await check(signature)), "valid");
});

test("an intended recipient that is marked critical is understood", async () => {
  const body = Buffer.concat([Buffer.of(4), Buffer.from(bob.fingerprint, "hex")]);
  const signature = handmade({ subpacket: [0x80 | 35, body] });
  const [facts] = readDetachedSignatures(signature) ?? [];
  assert.deepEqual(facts?.intended, [bob.fingerprint]);
  assert.equal(reasonOf(await check(signature)), "valid");
});

test("unknown critical subpackets and notations make a signature invalid, others do not", async () => {
  const notation = Buffer.from("800000000003000161406278", "hex");
  const cases: readonly [number, Buffer, string][] = [
    [0x80 | 100, Buffer.of(1), "a critical subpacket that is not known"],
    [0x80 | 20, notation, "a critical notation that is not known"],
    [0x80 | 12, Buffer.alloc(22), "a critical subpacket that is not known"],
    [35, Buffer.of(4, 1, 2), "an intended recipient that cannot be read"],
    [100, Buffer.of(1), "valid"],
    [20, notation, "valid"],
  ];
  for (const [type, body, reason] of cases) {
    assert.equal(
      reasonOf(await check(handmade({ subpacket: [type, body] }))),
      reason,
      String(type),
    );
  }
});

test("weak and unknown hashes do not count", async () => {
  for (const hash of [1, 2, 3, 11, 99]) {
    const signature = handmade({ hash });
    assert.equal(reasonOf(await check(signature)), "a weak or unknown hash");
    assert.equal(readDetachedSignatures(signature)?.[0]?.isWeak, true);
  }
});

test("an Ed448 key signs 512 bits and not less", async () => {
  const signer = await foreignKey({ type: "curve448" });
  for (const [hash, reason] of [
    [8, "a hash that is too weak for the key"],
    [9, "a hash that is too weak for the key"],
    [10, "valid"],
    [12, "a hash that is too weak for the key"],
    [14, "valid"],
  ] as const) {
    assert.equal(reasonOf(await check(handmade({ hash }, signer), { signer })), reason);
  }
});

test("a P-384 key signs 384 bits and not less", async () => {
  const signer = await foreignKey({ type: "ecc", curve: "nistP384" });
  for (const [hash, reason] of [
    [8, "a hash that is too weak for the key"],
    [9, "it does not verify"],
    [10, "it does not verify"],
  ] as const) {
    const [key] = ownKeys(signer);
    assert(key);
    const made = Buffer.from(await signDetached({ data: DATA, signer, intended: [], now: NOW }));
    // Another hash is claimed: what is too short is not even tried.
    made[made.indexOf(Buffer.of(4, 0, 19, 10)) + 3] = hash;
    assert.equal(
      reasonOf(await check(made, { signer })),
      hash === 10 ? "valid" : reason,
      String(hash),
    );
  }
});

test("SHA-2 and SHA-3 count", async () => {
  for (const hash of [8, 9, 10, 12, 14]) {
    assert.equal(reasonOf(await check(handmade({ hash }))), "valid");
  }
});

test("only signatures of documents are signatures of messages", async () => {
  for (const type of [0x02, 0x10, 0x13, 0x18, 0x1f, 0x20, 0x40, 0x50, 0xff]) {
    assert.equal(reasonOf(await check(handmade({ type }))), "not the signature of a document");
  }
});

test("a text signature is over CRLF line ends, whatever came", async () => {
  const data = Buffer.from("one\r\ntwo\r\n");
  const signature = handmade({ type: 1, data });
  const checkText = async (text: string) =>
    reasonOf(await check(signature, { data: Buffer.from(text) }));
  assert.equal(await checkText("one\r\ntwo\r\n"), "valid");
  assert.equal(await checkText("one\ntwo\n"), "valid");
  assert.equal(await checkText("one\n\ntwo\n"), "it does not verify");
});

test("expired, future and premature signatures are invalid", async () => {
  const expiring = handmade({ subpacket: [3, bigEndian(3600, 4)] });
  assert.equal(reasonOf(await check(expiring, { now: after(NOW, MINUTE) })), "valid");
  assert.equal(reasonOf(await check(expiring, { now: after(NOW, HOUR) })), "expired");
  assert.equal(reasonOf(await check(expiring, { now: undefined })), "it may have expired");
  const signature = await signDetached({ data: DATA, signer: alice, intended: [], now: NOW });
  assert.equal(reasonOf(await check(signature, { now: after(NOW, -DAY) })), "made in the future");
  assert.equal(reasonOf(await check(signature, { now: after(NOW, -9 * MINUTE) })), "valid");
  const early = after(NOW, -30 * DAY);
  const before = await signDetached({ data: DATA, signer: alice, intended: [], now: early });
  assert.equal(reasonOf(await check(before)), "older than its key");
});

test("the issuer cannot be changed outside the signature", async () => {
  const signature = await signDetached({ data: DATA, signer: alice, intended: [], now: NOW });
  const keyId = Buffer.from(alice.fingerprint.slice(-16), "hex");
  const at = signature.lastIndexOf(keyId[0] ?? 0);
  const changed = Buffer.from(signature);
  changed[Buffer.from(signature).lastIndexOf(keyId)] = (keyId[0] ?? 0) ^ 1;
  assert(at > 0);
  assert.equal(reasonOf(await check(changed)), "two issuers");
});

const good = await signDetached({ data: DATA, signer: modern, intended: [], now: NOW });

test("broken detached signatures are malformed or unreadable", () => {
  const eight = Buffer.concat(Array.from({ length: 8 }, () => good));
  assert.equal(readDetachedSignatures(eight)?.length, 8);
  assert.equal(readDetachedSignatures(Buffer.concat([eight, good])), undefined);
  assert.equal(readDetachedSignatures(new Uint8Array()), undefined);
  assert.equal(readDetachedSignatures(packet(PACKET.literal, Buffer.alloc(6))), undefined);
  assert.equal(readDetachedSignatures(Buffer.from("-----BEGIN PGP SIGNATURE-----\n")), undefined);
  const [version3] = readDetachedSignatures(packet(PACKET.signature, Buffer.alloc(40, 3))) ?? [];
  assert.deepEqual(
    [version3?.issuer, version3?.hash, version3?.isWeak],
    [undefined, "unknown", true],
  );
});

/** What a changed body of `good` comes to. */
async function checkBody(body: Uint8Array): Promise<SignatureCheck["kind"]> {
  const [signature] = readDetachedSignatures(packet(PACKET.signature, body)) ?? [];
  assert(signature);
  const { certificate } = modern;
  return (await verifySignature({ data: DATA, signature, certificate })).kind;
}

test("no part of a signature is valid, and no change of one octet but in the hint", async () => {
  const body = Buffer.from(good.subarray(2));
  for (let length = 0; length < body.length; length += 1) {
    assert.equal(await checkBody(body.subarray(0, length)), "invalid");
  }
  // Before salt and value stand two octets of the hash, which prove nothing.
  const hint = body.length - 64 - 33 - 2;
  for (const at of body.keys()) {
    const changed = Buffer.from(body);
    changed[at] = (changed[at] ?? 0) ^ 0x10;
    const isHint = at === hint || at === hint + 1;
    assert.equal(await checkBody(changed), isHint ? "valid" : "invalid", String(at));
  }
});
