/** Messages that were made to show or to sign something else than they seem to. */
import assert from "node:assert/strict";
import { createCipheriv, randomBytes } from "node:crypto";
import { test } from "node:test";
import { deflateRawSync } from "node:zlib";

import type { Decrypted } from "../../src/openpgp/messages/decrypt.ts";
import { decrypt } from "../../src/openpgp/messages/decrypt.ts";
import { PACKET, packet, readPackets } from "../../src/openpgp/packets/packet.ts";
import { newSessionKey } from "../../src/openpgp/packets/session-key.ts";
import { startSigning } from "../../src/openpgp/keys/sign.ts";
import {
  NOW,
  expectDecrypted,
  forge,
  literal,
  ownKey,
  sealFor,
  sealedPacket,
  sessionKeyPacket,
} from "../support/openpgp-messages.ts";
import { mutate, seededRandom } from "../support/mutate.ts";

const alice = await ownKey("alice@alpha.test", "compat");
const bob = await ownKey("bob@beta.test", "compat");
const bobV6 = await ownKey("bob6@beta.test", "modern");
const SECRET = Buffer.alloc(3000, "CANARY the text that only bob may read. ");
const sealed = Buffer.from(await sealFor(SECRET, alice, bob));
const sealedV6 = Buffer.from(await sealFor(SECRET, alice, bobV6));

const open = (message: Uint8Array): Promise<Decrypted> => decrypt({ message, keys: [bob, bobV6] });

/** Neither shown nor opened: damaged, or in a form that is not read. */
async function assertRefused(message: Uint8Array): Promise<void> {
  const opened = await open(message);
  assert(opened.kind === "damaged" || opened.kind === "unsupported", opened.kind);
  assert(!JSON.stringify(opened).includes("CANARY"));
}

async function assertUnsupported(message: Uint8Array, form?: RegExp): Promise<void> {
  const opened = await open(message);
  assert(opened.kind === "unsupported", opened.kind);
  assert(!JSON.stringify(opened).includes("CANARY"));
  if (form !== undefined) assert.match(opened.form, form);
}

async function assertDamaged(message: Uint8Array, reason?: RegExp): Promise<void> {
  const opened = await open(message);
  assert(opened.kind === "damaged", opened.kind);
  assert(!JSON.stringify(opened).includes("CANARY"));
  if (reason !== undefined) assert.match(opened.reason, reason);
}

function withContainer(message: Buffer, change: (body: Buffer) => Buffer, tag = 18): Buffer {
  const packets = readPackets(message, 10).map(({ tag: own, body }) =>
    own === 18 ? packet(tag, change(Buffer.from(body))) : packet(own, body),
  );
  return Buffer.concat(packets);
}

const flip = (bytes: Buffer, at: number): Buffer => {
  bytes[at] = (bytes[at] ?? 0) ^ 0x40;
  return bytes;
};

test("a changed octet anywhere in the container gives damaged (EFAIL gadgets)", async () => {
  for (const message of [sealed, sealedV6]) {
    const length = readPackets(message, 10)[1]?.body.length ?? 0;
    await assertRefused(withContainer(message, (body) => flip(body, 1)));
    for (const at of [5, 17, 18, 19, 30, 40, 100, 1000, length - 21, length - 1]) {
      await assertDamaged(withContainer(message, (body) => flip(body, at)));
    }
  }
});

test("without its integrity code, or cut off, a message is damaged (MDC stripping)", async () => {
  for (const message of [sealed, sealedV6]) {
    for (const cut of [1, 16, 20, 22, 100, 2000]) {
      await assertDamaged(withContainer(message, (body) => body.subarray(0, body.length - cut)));
      await assertDamaged(message.subarray(0, message.length - cut));
    }
    await assertDamaged(withContainer(message, (body) => body.subarray(0, 1)));
    await assertDamaged(withContainer(message, () => Buffer.alloc(0)));
  }
});

test("containers without integrity are refused (SED downgrade, GnuPG's own AEAD)", async () => {
  await assertUnsupported(
    withContainer(sealed, (body) => body.subarray(1), 9),
    /without integrity protection/,
  );
  await assertUnsupported(
    withContainer(sealed, (body) => body, 20),
    /OCB/,
  );
  for (const version of [0, 2, 3, 255]) {
    await assertRefused(
      withContainer(sealed, (body) => {
        body[0] = version;
        return body;
      }),
    );
  }
  // Well-made data without integrity, with a session key for bob and a signed text inside.
  const key = newSessionKey(9);
  const cipher = createCipheriv("aes-256-cfb", key.bytes, Buffer.alloc(16));
  const plain = Buffer.concat([randomBytes(16), Buffer.alloc(2), literal("CANARY")]);
  const sed = packet(9, cipher.update(plain));
  await assertUnsupported(Buffer.concat([sessionKeyPacket(bob, key), sed]));
});

test("a version 2 container is bound to its cipher, mode, chunk size and salt", async () => {
  for (const [at, value] of [
    [1, 7],
    [1, 8],
    [2, 1],
    [2, 3],
    [3, 11],
    [3, 16],
    [1, 2],
    [2, 9],
    [3, 17],
    [3, 255],
    [4, 1],
  ] as const) {
    await assertRefused(
      withContainer(sealedV6, (body) => {
        body[at] = body[at] === value ? value + 1 : value;
        return body;
      }),
    );
  }
});

const PADDING = packet(PACKET.padding, randomBytes(50));
const MARKER = packet(PACKET.marker, Buffer.from("PGP"));
const onePass = startSigning({ signer: alice, intended: [], now: NOW }).onePassPacket;
const signature = signatureOver(Buffer.from("CANARY signed"));

function signatureOver(data: Buffer): Buffer {
  const signing = startSigning({ signer: alice, intended: [], now: NOW });
  signing.update(data);
  return signing.finish();
}

function compressed(...packets: readonly Buffer[]): Buffer {
  return packet(PACKET.compressed, Buffer.of(1), deflateRawSync(Buffer.concat(packets)));
}

const text = literal("CANARY signed");
const WRAPPED: readonly [string, readonly Buffer[]][] = [
  ["nothing", []],
  ["two literals", [text, text]],
  ["two literals around a signature", [onePass, text, signature, text]],
  ["a literal before a signed one", [text, onePass, text, signature]],
  ["an old-style signature", [signature, text]],
  ["a signature that was not announced", [text, signature]],
  ["an announced signature that is missing", [onePass, text]],
  ["more signatures than announced", [onePass, text, signature, signature]],
  ["a signature for no literal", [onePass, signature]],
  ["compressed beside a literal", [compressed(text), text]],
  ["a compressed tail", [onePass, text, compressed(signature)]],
  ["compressed within compressed", [compressed(compressed(text))]],
  ["compressed after one-pass", [onePass, compressed(text), signature]],
  ["an encrypted message within", [sealed]],
  ["an unknown critical packet at the end", [text, packet(39, Buffer.from("x"))]],
  ["an unknown critical packet", [packet(30, Buffer.from("x")), text]],
  ["a user ID", [text, packet(13, Buffer.from("alice"))]],
  ["a literal of an unknown format", [packet(PACKET.literal, Buffer.from("x\0\0\0\0\0CANARY"))]],
  [
    "a literal whose name is too long",
    [packet(PACKET.literal, Buffer.from("b\xff\0\0\0\0CANARY"))],
  ],
  ["a marker that is none", [packet(PACKET.marker, Buffer.from("PGQ")), text]],
  ["octets after the literal", [text, Buffer.from("x")]],
  ["a broken signature length", [onePass, text, signature.subarray(0, -3)]],
];

for (const [name, inside] of WRAPPED) {
  test(`within the container is refused: ${name}`, () => assertRefused(forge(bob, ...inside)));
}

const key = newSessionKey(9);
const own = sessionKeyPacket(bob, key);
const container = sealedPacket(key, text);
const AROUND: readonly [string, readonly Buffer[]][] = [
  ["a literal alone", [text]],
  ["a signed text", [onePass, text, signature]],
  ["a literal before it", [text, own, container]],
  ["a literal after it", [own, container, text]],
  ["a second container", [own, container, container]],
  ["a session key after it", [own, container, own]],
  ["a password's session key alone", [packet(3, Buffer.from("0409000888", "hex")), container]],
  ["an unknown critical packet before it", [packet(39, Buffer.from("x")), own, container]],
  ["a compressed message", [compressed(own, container)]],
  ["octets after it", [own, container, Buffer.from("\r\n")]],
  ["nothing", []],
  ["session keys alone", [own]],
];

for (const [name, packets] of AROUND) {
  test(`around the container is refused: ${name}`, () => assertRefused(Buffer.concat(packets)));
}

test("session keys for passwords, unknown ones and private packets are passed over (RFC 9580 §4.3)", async () => {
  const beside = [
    packet(3, Buffer.from("0409000888", "hex")),
    packet(3, Buffer.of(99)),
    packet(PACKET.publicKeySessionKey, Buffer.of(99, 1, 2)),
    packet(PACKET.publicKeySessionKey, Buffer.of(3, 1)),
    packet(40, Buffer.from("x")),
    packet(60, Buffer.from("x")),
    packet(63),
  ];
  const inside = sealedPacket(key, packet(60, Buffer.from("x")), text, packet(40));
  const opened = expectDecrypted(await open(Buffer.concat([...beside, own, ...beside, inside])));
  assert.equal(Buffer.from(opened.data).toString(), "CANARY signed");
});

test("literals are read in every format that programs write, and others are named", async () => {
  for (const format of ["b", "t", "u", "m", "l", "1"]) {
    const body = Buffer.from(`${format}\0\0\0\0\0Subject: x\r\n\r\ntext`, "latin1");
    const opened = expectDecrypted(await open(forge(bob, packet(PACKET.literal, body))));
    assert.equal(Buffer.from(opened.data).toString(), "Subject: x\r\n\r\ntext");
  }
  const other = packet(PACKET.literal, Buffer.from("x\0\0\0\0\0CANARY"));
  await assertUnsupported(forge(bob, other), /literal/);
});

test("a signature that was announced as another leaves the text readable and counts for nothing", async () => {
  const announced = Buffer.from(onePass);
  // Header of two octets, version, type, hash.
  announced[4] = 8;
  const { data, signatures } = expectDecrypted(await open(forge(bob, announced, text, signature)));
  assert.equal(Buffer.from(data).toString(), "CANARY signed");
  assert.deepEqual(
    signatures.map(({ hash, issuer, isWeak }) => [hash, issuer, isWeak]),
    [["unknown", undefined, true]],
  );
});

test("marker and padding packets are passed over wherever they stand (RFC 9580 §10.3)", async () => {
  const inside = sealedPacket(key, MARKER, PADDING, text, PADDING);
  const message = Buffer.concat([MARKER, own, PADDING, inside, MARKER]);
  const opened = expectDecrypted(await open(message));
  assert.equal(Buffer.from(opened.data).toString(), "CANARY signed");
});

test("name and date of a literal do not come out", async () => {
  const named = packet(PACKET.literal, Buffer.from("b\x08_CONSOLE\0\0\0\0text", "latin1"));
  const opened = expectDecrypted(await open(forge(bob, named)));
  assert.equal(Buffer.from(opened.data).toString(), "text");
});

test("a message with the integrity code of another one is damaged", async () => {
  const other = readPackets(Buffer.from(await sealFor(SECRET, alice, bob)), 10)[1]?.body;
  assert(other);
  await assertDamaged(
    withContainer(sealed, (body) => Buffer.concat([body.subarray(0, -22), other.subarray(-22)])),
  );
});

test("a thousand mutated messages never crash and never open as something else", async () => {
  const random = seededRandom(20_261_123);
  let opened = 0;
  for (let round = 0; round < 1000; round += 1) {
    const message = mutate(random, round % 2 === 0 ? sealed : sealedV6, [sealedV6, sealed]);
    const result = await open(message);
    if (result.kind !== "decrypted") continue;
    // Lengths and unused packets can be written in several ways: then it is the same text.
    assert.deepEqual(Buffer.from(result.data), SECRET);
    opened += 1;
  }
  assert(opened < 50);
});

test("every prefix of a message is damaged, never unsupported", async () => {
  for (let length = 0; length < sealedV6.length; length += 7) {
    await assertDamaged(sealedV6.subarray(0, length));
  }
});
