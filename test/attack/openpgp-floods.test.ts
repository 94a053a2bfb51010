/** Messages that are made to cost. Each ends with an answer, within a second, on a free event loop. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import { deflateRawSync, deflateSync } from "node:zlib";

import { type Decrypted, decrypt } from "../../src/openpgp/messages/decrypt.ts";
import { PACKET, packet, readPackets } from "../../src/openpgp/packets/packet.ts";
import { newSessionKey } from "../../src/openpgp/packets/session-key.ts";
import { startSigning } from "../../src/openpgp/keys/sign.ts";
import { verifySignature } from "../../src/openpgp/messages/verify.ts";
import { within } from "../support/cpu-time.ts";
import {
  NOW,
  expectDecrypted,
  foreignKey,
  forge,
  literal,
  ownKey,
  sealFor,
  sealedPacket,
  sessionKeyPacket,
} from "../support/openpgp-messages.ts";

const MB = 1024 * 1024;
const alice = await ownKey("alice@alpha.test", "compat");
const bob = await ownKey("bob@beta.test", "compat");
const bobV6 = await ownKey("bob6@beta.test", "modern");
const keys = [bob, bobV6];

/** Opens within a second. */
async function open(message: Uint8Array): Promise<Decrypted> {
  return within(1000, () => decrypt({ message, keys }));
}

async function reasonOf(message: Uint8Array): Promise<string> {
  const opened = await open(message);
  if (opened.kind === "unsupported") return `not supported: ${opened.form}`;
  return opened.kind === "damaged" ? opened.reason : opened.kind;
}

const key = newSessionKey(9);
const container = sealedPacket(key, literal("text"));
const own = sessionKeyPacket(bob, key);

function repeat(count: number, make: (index: number) => Buffer): Buffer {
  return Buffer.concat(Array.from({ length: count }, (_, index) => make(index)));
}

test("100 session keys are tried, 101 are not read", async () => {
  const strange = (): Buffer => sessionKeyPacket(alice, newSessionKey(9));
  const many = Buffer.concat([repeat(99, strange), own, container]);
  assert.equal((await open(many)).kind, "decrypted");
  const tooMany = Buffer.concat([repeat(100, strange), own, container]);
  assert.equal(await reasonOf(tooMany), "not supported: more than 100 session keys");
  const flood = Buffer.concat([repeat(100_000, () => own), container]);
  assert.equal(await reasonOf(flood), "not supported: too many packets");
});

test("session keys that name nobody are tried with every own key, up to a limit of work", async () => {
  const anonymous = (bytes: Buffer): Buffer => {
    const copy = Buffer.from(bytes);
    // Header of two octets, version, key ID.
    copy.fill(0, 3, 11);
    return copy;
  };
  const strange = (): Buffer => anonymous(sessionKeyPacket(alice, newSessionKey(9)));
  const ours = anonymous(own);
  const message = Buffer.concat([repeat(99, strange), ours, container]);
  assert.equal((await open(message)).kind, "decrypted");
  const others = await Promise.all(
    Array.from({ length: 30 }, (_, index) => ownKey(`b${String(index)}@beta.test`, "compat")),
  );
  const alone = Buffer.concat([ours, container]);
  const opened = await within(1000, () => decrypt({ message: alone, keys: [...others, bob] }));
  assert.equal(opened.kind, "decrypted");
  // A hundred session keys and 41 own ones are more than is worked for.
  const many = Array.from({ length: 40 }, (_, index) => others[index % 30] ?? alice);
  const closed = await within(3000, () => decrypt({ message, keys: [...many, bob] }));
  assert.deepEqual(closed, { kind: "no-key", keyIds: [] });
});

test("wrong session keys for us do not decrypt a large container each", async () => {
  const large = sealedPacket(key, literal(Buffer.alloc(20 * MB)));
  const wrong = repeat(63, () => sessionKeyPacket(bob, newSessionKey(9)));
  assert.match(await reasonOf(Buffer.concat([wrong, large])), /no session key/);
});

test("eight signatures are read, nine and nine thousand are refused", async () => {
  const signing = (): ReturnType<typeof startSigning> =>
    startSigning({ signer: alice, intended: [], now: NOW });
  const text = Buffer.from("text");
  const signed = (count: number): Buffer => {
    const made = Array.from({ length: Math.min(count, 9) }, () => {
      const each = signing();
      each.update(text);
      return { onePass: each.onePassPacket, signature: each.finish() };
    });
    const pick = (index: number) => made[index % made.length];
    return Buffer.concat([
      repeat(count, (index) => pick(index)?.onePass ?? Buffer.alloc(0)),
      literal(text),
      repeat(count, (index) => pick(index)?.signature ?? Buffer.alloc(0)),
    ]);
  };
  const { data, signatures } = expectDecrypted(await open(forge(bob, signed(8))));
  assert.equal(signatures.length, 8);
  for (const signature of signatures) {
    const { certificate } = alice;
    assert.equal((await verifySignature({ data, signature, certificate })).kind, "valid");
  }
  assert.equal(await reasonOf(forge(bob, signed(9))), "not supported: too many signatures");
  assert.equal(await reasonOf(forge(bob, signed(9000))), "not supported: too many packets");
});

const bomb = (algorithm: number, content: Buffer): Buffer =>
  packet(PACKET.compressed, Buffer.of(algorithm), content);

test("compressed data grows to a hundred times its size at most (zip bomb)", async () => {
  const zeros = literal(Buffer.alloc(100 * MB));
  const heap = process.memoryUsage().rss;
  assert.match(await reasonOf(forge(bob, bomb(1, deflateRawSync(zeros)))), /compressed data/);
  assert.match(await reasonOf(forge(bob, bomb(2, deflateSync(zeros)))), /compressed data/);
  assert(process.memoryUsage().rss - heap < 256 * MB);
  // 64 MiB are the limit even when a hundred times the size is more.
  const noise = literal(Buffer.concat([randomBytes(2 * MB), Buffer.alloc(70 * MB)]));
  assert.match(await reasonOf(forge(bob, bomb(2, deflateSync(noise)))), /compressed data/);
  const fine = literal(Buffer.alloc(900_000, "text "));
  assert.equal((await open(forge(bob, bomb(1, deflateRawSync(fine))))).kind, "decrypted");
});

test("compression within compression and broken streams are refused", async () => {
  let nested = literal("text");
  for (let level = 0; level < 64; level += 1) nested = bomb(1, deflateRawSync(nested));
  assert.match(await reasonOf(forge(bob, nested)), /not one literal/);
  for (const algorithm of [3, 4, 110, 255]) {
    assert.match(
      await reasonOf(forge(bob, bomb(algorithm, randomBytes(100)))),
      /^not supported: (?:BZip2 )?compression/,
    );
  }
  assert.match(await reasonOf(forge(bob, bomb(1, randomBytes(100)))), /compressed data/);
  assert.match(await reasonOf(forge(bob, bomb(2, Buffer.alloc(0)))), /compressed data/);
});

test("a session key from a password is never worked out, whatever its Argon2 costs", async () => {
  // Version 6, AES-256, OCB, Argon2 with 255 passes, 255 lanes and 2^31 KiB.
  const s2k = Buffer.concat([Buffer.of(4), Buffer.alloc(16), Buffer.of(255, 255, 31)]);
  const head = Buffer.of(6, 3 + s2k.length + 15, 9, 2, s2k.length);
  const skesk = packet(3, head, s2k, Buffer.alloc(15), Buffer.alloc(48));
  assert.match(await reasonOf(Buffer.concat([skesk, container])), /a password and no key/);
  assert.equal(await reasonOf(Buffer.concat([own, skesk, container])), "decrypted");
});

test("25 MB in OCB, which a library in JavaScript takes seconds for, are opened within one", async () => {
  const data = randomBytes(25 * MB);
  const message = await sealFor(data, alice, bobV6);
  const opened = expectDecrypted(await open(message));
  assert.equal(Buffer.compare(opened.data, data), 0);
});

test("a large container in chunks of 64 octets is refused before the work", async () => {
  const [cipher, ocb, smallest] = [9, 2, 0];
  const head = Buffer.concat([Buffer.of(2, cipher, ocb, smallest), randomBytes(32)]);
  const [first] = readPackets(await sealFor(Buffer.from("x"), alice, bobV6), 10);
  assert(first);
  const large = packet(PACKET.encrypted, head, Buffer.alloc(20 * MB));
  const message = Buffer.concat([packet(first.tag, first.body), large]);
  assert.match(await reasonOf(message), /too many chunks/);
});

test("lengths that lie, parts without end and markers without number are refused", async () => {
  const lies: readonly [Buffer, RegExp][] = [
    [Buffer.from("d2ffffffffff01", "hex"), /truncated/],
    [Buffer.from("d2fe01", "hex"), /truncated/],
    [Buffer.concat([Buffer.from("d2e0", "hex"), Buffer.alloc(600)]), /first part/],
    [Buffer.concat([own, Buffer.from("c1e9", "hex"), Buffer.alloc(600)]), /in parts/],
    [Buffer.from("87", "hex"), /without length/],
    [repeat(1000, () => packet(PACKET.marker, Buffer.from("PGP"))), /too many packets/],
    [repeat(1000, () => packet(PACKET.padding)), /too many packets/],
    [Buffer.from("00", "hex"), /not an armored/],
    [new Uint8Array() as Buffer, /not an armored/],
  ];
  for (const [message, reason] of lies) assert.match(await reasonOf(message), reason);
  const first = Buffer.concat([Buffer.from("d2e9", "hex"), Buffer.alloc(512)]);
  const parts = Buffer.concat([first, Buffer.alloc(8 * MB, Buffer.from("e000", "hex"))]);
  assert.match(await reasonOf(Buffer.concat([own, parts])), /too many parts/);
});

test("more than 50 MiB are refused", async () => {
  assert.equal(await reasonOf(Buffer.alloc(51 * MB, 0xff)), "not supported: more than 50 MiB");
  assert.equal(await reasonOf(Buffer.alloc(71 * MB, 0x20)), "not supported: more than 50 MiB");
});

test("the event loop runs on while a large message is opened", async () => {
  const message = await sealFor(randomBytes(25 * MB), alice, bob);
  let turns = 0;
  const timer = setInterval(() => (turns += 1), 1);
  await open(message);
  clearInterval(timer);
  assert(turns >= 5, String(turns));
});

test("a hidden recipient with more than twenty own RSA keys opens a message of megabytes", async () => {
  const made = await foreignKey({ type: "rsa", rsaBits: 2048 });
  const others = await Promise.all(
    Array.from({ length: 3 }, async () => foreignKey({ type: "rsa", rsaBits: 2048 })),
  );
  const hidden = sessionKeyPacket(made, key);
  hidden.fill(0, 4, 12);
  const large = sealedPacket(key, literal(Buffer.alloc(8 * MB, "x")));
  const message = Buffer.concat([hidden, large]);
  // Keys are tried one by one, so those of three stand for those of many.
  const own = Array.from({ length: 24 }, (_, index) => others[index % 3] ?? made);
  const opened = await within(6000, () => decrypt({ message, keys: [...own, made] }));
  assert.equal(opened.kind, "decrypted");
});
