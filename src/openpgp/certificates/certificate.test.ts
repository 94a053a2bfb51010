import assert from "node:assert/strict";
import { test } from "node:test";
import { generateKey as generate } from "openpgp";

import { armoredText } from "../../../test/support/armored-text.ts";
import { within } from "../../../test/support/cpu-time.ts";
import {
  forgeCertificate,
  newForge,
  packetOf,
  primaryOf,
  sign,
  userIdOf,
  wholeSecond,
} from "../../../test/support/forge-certificate.ts";
import { after, DAY, systemClock } from "../../base/time.ts";
import { type EmailAddress, parseAddress } from "../../mail/address.ts";
import { generateKey } from "../keys/generate.ts";
import { TAG, writePacket } from "../packets/certificate-parts.ts";
import { acceptForEncryption } from "./acceptance.ts";
import { type Certificate, type MalformedReason, parseCertificates } from "./certificate.ts";
import { generationConfig } from "./profile.ts";
import { revocationOf } from "./signer.ts";

const NOW = wholeSecond(systemClock.now());
const ADA = address("ada.quill@post.example");
const { certificate: ada, secretKey } = await generateKey({
  address: ADA,
  profile: "compat",
  now: NOW,
});
const { certificate: modern } = await generateKey({ address: ADA, profile: "modern", now: NOW });
const forge = await newForge(after(NOW, -10 * DAY));
const text = (bytes: string): Uint8Array => Buffer.from(bytes, "utf8");

function address(written: string): EmailAddress {
  const parsed = parseAddress(written);
  assert(parsed);
  return parsed;
}

async function reasonOf(input: Uint8Array): Promise<MalformedReason | "parsed"> {
  const parsed = await parseCertificates(input);
  return parsed.kind === "parsed" ? "parsed" : parsed.reason;
}

test("armor gives back what went in, with either line end, headers, a checksum or text around", async () => {
  const armored = armoredText(ada);
  assert.match(
    armored,
    /^-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n[\s\S]+\n-----END PGP PUBLIC KEY BLOCK-----\n$/,
  );
  const variants = [
    armored,
    armored.replaceAll("\n", "\r\n"),
    `Hello\n\n${armored}\nBye\n`,
    armored.replace("-----\n\n", "-----\nVersion: X\nComment: y: z\n\n"),
    armored.replace("\n-----END", "\n=AAAA\n-----END"),
    armored.replace("-----\n\n", "-----\n"),
    armored.trimEnd(),
  ];
  for (const variant of variants) {
    const parsed = await parseCertificates(text(variant));
    assert.deepEqual(parsed, { kind: "parsed", certificates: [ada] }, variant);
  }
});

test("binary gives back what went in", async () => {
  for (const certificate of [ada, modern]) {
    const parsed = await parseCertificates(certificate.bytes);
    assert.deepEqual(parsed, { kind: "parsed", certificates: [certificate] });
  }
});

test("several blocks and several certificates in one block are all read, eight at most", async () => {
  const both = { kind: "parsed", certificates: [ada, modern] };
  const blocks = text(`${armoredText(ada)}\n${armoredText(modern)}`);
  assert.deepEqual(await parseCertificates(blocks), both);
  assert.deepEqual(await parseCertificates(Buffer.concat([ada.bytes, modern.bytes])), both);
  const nine = Buffer.concat(Array.from({ length: 9 }, () => ada.bytes));
  assert.equal(await reasonOf(nine), "too-many-certificates");
});

test("the facts of a certificate are those of its packets", () => {
  assert.equal(ada.version, 4);
  assert.equal(ada.fingerprint.length, 40);
  assert.deepEqual(ada.created, after(NOW, -60_000));
  assert.deepEqual(ada.userIds, ["ada.quill@post.example"]);
  assert.equal(ada.subkeyFingerprints.length, 1);
  assert.deepEqual(ada.algorithm, { id: 22, name: "EdDSALegacy", bits: 256 });
  assert.equal(modern.version, 6);
  assert.equal(modern.fingerprint.length, 64);
  assert.deepEqual(modern.algorithm, { id: 27, name: "Ed25519", bits: 256 });
});

const unsupported = Buffer.concat([
  writePacket(TAG.publicKey, Buffer.from([3, ...ada.bytes.subarray(3, 53)])),
]);
const oldSecret = Buffer.from(secretKey.reveal());
const MALFORMED: readonly [string, Uint8Array, MalformedReason][] = [
  ["nothing", text(""), "no-certificate"],
  ["white space", text(" \r\n"), "no-certificate"],
  ["HTML", text("\n<html><body>404</body></html>"), "html"],
  ["prose", text("no key here"), "no-certificate"],
  [
    "a message block",
    text("-----BEGIN PGP MESSAGE-----\n\nAAAA\n-----END PGP MESSAGE-----\n"),
    "no-certificate",
  ],
  ["an armor without end", text(armoredText(ada).replace(/-----END.*/, "")), "bad-armor"],
  [
    "an armor in an armor",
    text(armoredText(ada).replace("\n\n", `\n\n${armoredText(ada)}`)),
    "bad-armor",
  ],
  ["an armor that is not base64", text(armoredText(ada).replace("\n\n", "\n\n*")), "bad-armor"],
  ["a truncated certificate", ada.bytes.subarray(0, -1), "truncated"],
  ["a secret key", oldSecret, "secret-key"],
  ["a secret key behind a certificate", Buffer.concat([ada.bytes, oldSecret]), "secret-key"],
  [
    "a secret key block",
    text("-----BEGIN PGP PRIVATE KEY BLOCK-----\n\nAAAA\n-----END PGP PRIVATE KEY BLOCK-----\n"),
    "secret-key",
  ],
  ["a bare signature", Buffer.from([0xc2, 1, 4]), "unexpected-packet"],
  [
    "an unknown critical packet",
    Buffer.concat([ada.bytes, writePacket(30, Buffer.from([1]))]),
    "unexpected-packet",
  ],
  [
    "a data packet",
    Buffer.concat([ada.bytes, writePacket(11, Buffer.from([1]))]),
    "unexpected-packet",
  ],
  ["a partial length", Buffer.from([0xc6, 0xe1, 4, 4]), "truncated"],
  [
    "an indeterminate length",
    Buffer.concat([Buffer.from([0x9b]), ada.bytes.subarray(2)]),
    "truncated",
  ],
  ["version 3", unsupported, "unsupported-version"],
  ["more than 256 KiB", Buffer.alloc(256 * 1024 + 1, 0xcd), "too-large"],
];
for (const [name, input, reason] of MALFORMED) {
  test(`${name} is malformed: ${reason}`, async () => {
    assert.equal(await reasonOf(input), reason);
  });
}

test("markers, trust, padding and unknown packets that are not critical are passed over", async () => {
  const noise = [10, 12, 21, 40, 60, 63].map((tag) => writePacket(tag, Buffer.from("PGP")));
  const parsed = await parseCertificates(Buffer.concat([...noise, ada.bytes, ...noise]));
  assert.deepEqual(parsed, { kind: "parsed", certificates: [ada] });
});

test("a user attribute is left out with its signatures", async () => {
  const attribute = writePacket(TAG.userAttribute, Buffer.alloc(100, 1));
  const signature = packetOf(
    await sign(
      forge.secret.keyPacket,
      "certPositive",
      { key: await primaryOf(forge), userID: userIdOf("x") },
      NOW,
    ),
  );
  const parsed = await parseCertificates(Buffer.concat([ada.bytes, attribute, signature]));
  assert.deepEqual(parsed, { kind: "parsed", certificates: [ada] });
});

const many = (count: number, part: (nth: number) => Uint8Array): Uint8Array =>
  Buffer.concat(Array.from({ length: count }, (_, nth) => part(nth)));

test("certificates of 10,000 signatures, 5,000 user IDs, 2,000 subkeys or a 4 MiB attribute end at once", async () => {
  const base = await forgeCertificate(forge, { date: after(NOW, -DAY) });
  const key = await primaryOf(forge);
  const userID = userIdOf("ada.quill@post.example");
  const signature = packetOf(
    await sign(forge.secret.keyPacket, "certPositive", { key, userID }, NOW),
  );
  const evil: readonly [Uint8Array, MalformedReason][] = [
    [many(10_000, () => signature), "too-large"],
    [
      many(5000, (nth) => writePacket(TAG.userId, text(`u${nth}@post.example`))),
      "too-many-packets",
    ],
    [many(2000, () => writePacket(TAG.publicSubkey, key.write())), "too-many-packets"],
    [writePacket(TAG.userAttribute, Buffer.alloc(4 * 1024 * 1024)), "too-large"],
  ];
  for (const [addition, reason] of evil) {
    assert.equal(await within(1000, () => reasonOf(Buffer.concat([base, addition]))), reason);
  }
});

for (const type of ["curve25519", "curve448"] as const) {
  test(`200 false self-signatures and revocations of a ${type} key end within a second`, async () => {
    const { privateKey } = await generate({
      type,
      userIDs: { name: "x" },
      date: after(NOW, -10 * DAY),
      format: "object",
      config: generationConfig("compat"),
    });
    const evil = { secret: privateKey };
    const key = await primaryOf(evil);
    const userID = userIdOf("ada.quill@post.example");
    const over = { key, userID };
    const keyFlags = Buffer.from([3]);
    // Each has the right hash and the wrong mathematics: the most expensive kind of false signature.
    const falsify = async (name: "certPositive" | "keyRevocation", nth: number) => {
      const made = await sign(privateKey.keyPacket, name, over, after(NOW, -nth * 1000), {
        keyFlags,
      });
      const body = made.write();
      body[body.length - 1] = (body.at(-1) ?? 0) ^ 1;
      return writePacket(TAG.signature, body);
    };
    const build = async (revocations: number, certifications: number): Promise<Certificate> => {
      const range = (count: number) => Array.from({ length: count }, (_, nth) => nth);
      const parts = [
        writePacket(TAG.publicKey, key.write()),
        ...(await Promise.all(range(revocations).map((nth) => falsify("keyRevocation", nth)))),
        writePacket(TAG.userId, userID.write()),
        ...(await Promise.all(range(certifications).map((nth) => falsify("certPositive", nth)))),
        packetOf(
          await sign(privateKey.keyPacket, "certPositive", over, after(NOW, -9 * DAY), {
            keyFlags,
          }),
        ),
      ];
      const parsed = await parseCertificates(Buffer.concat(parts));
      assert(parsed.kind === "parsed");
      const [certificate] = parsed.certificates;
      assert(certificate);
      return certificate;
    };
    const selfSigned = await build(0, 200);
    assert.deepEqual(await within(1000, () => acceptForEncryption(selfSigned, ADA, NOW)), {
      kind: "unusable",
      reason: "bad-self-signature",
    });
    // So many that a true one may be among those not tried: believed.
    const revoked = await build(200, 0);
    assert.deepEqual(await within(1000, () => acceptForEncryption(revoked, ADA, NOW)), {
      kind: "unusable",
      reason: "bad-self-signature",
    });
    assert.equal((await within(1000, () => revocationOf(revoked))).kind, "hard");
  });
}

test("200 true self-signatures are no trouble: the newest counts", async () => {
  const key = await primaryOf(forge);
  const userID = userIdOf("ada.quill@post.example");
  const keyFlags = Buffer.from([3]);
  const base = await forgeCertificate(forge, { date: after(NOW, -DAY), userIds: [] });
  const signatures = await Promise.all(
    Array.from({ length: 200 }, async (_, nth) =>
      packetOf(
        await sign(
          forge.secret.keyPacket,
          "certPositive",
          { key, userID },
          after(NOW, -nth * 1000),
          { keyFlags },
        ),
      ),
    ),
  );
  const bytes = Buffer.concat([base, writePacket(TAG.userId, userID.write()), ...signatures]);
  const parsed = await parseCertificates(bytes);
  assert(parsed.kind === "parsed" && parsed.certificates[0]);
  const [certificate] = parsed.certificates;
  const acceptance = await within(1000, () => acceptForEncryption(certificate, ADA, NOW));
  assert(acceptance.kind === "acceptable");
  assert(acceptance.certificate.bytes.length < 2000);
});

test("2,000 mutated certificates never crash and never become acceptable as another one", async () => {
  const random = xorshift(20_260_101);
  for (const original of [ada, modern]) {
    const addresses = [ADA, address("bda.quill@post.example"), address("ada.quill@post.exampld")];
    for (let nth = 0; nth < 1000; nth += 1) {
      const parsed = await parseCertificates(mutate(original.bytes, random));
      for (const mutant of parsed.kind === "parsed" ? parsed.certificates : []) {
        for (const wanted of addresses) {
          const acceptance = await acceptForEncryption(mutant, wanted, NOW);
          if (acceptance.kind === "unusable") continue;
          assert.equal(acceptance.certificate.fingerprint, original.fingerprint);
          assert.deepEqual(acceptance.certificate.userIds, original.userIds);
          assert.deepEqual(acceptance.certificate.subkeyFingerprints, original.subkeyFingerprints);
          assert.equal(wanted, ADA);
        }
      }
    }
  }
});

/** A generator with a seed: what failed once fails again. */
function xorshift(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % below;
  };
}

function mutate(bytes: Uint8Array, random: (below: number) => number): Uint8Array {
  const mutant = Buffer.from(bytes);
  switch (random(5)) {
    case 0:
      return mutant.subarray(0, random(mutant.length));
    case 1:
      return Buffer.concat([
        mutant.subarray(0, random(mutant.length)),
        mutant.subarray(random(mutant.length)),
      ]);
    case 2:
      mutant[random(mutant.length)] = random(256);
      return mutant;
    default:
      for (let flips = 1 + random(3); flips > 0; flips -= 1) {
        const position = random(mutant.length);
        mutant[position] = (mutant[position] ?? 0) ^ (1 << random(8));
      }
      return mutant;
  }
}

test("small input is read once, by all of its octets; large input is read anew, because a thread gives its memory away", async () => {
  const first = await parseCertificates(ada.bytes);
  assert.equal(await parseCertificates(Uint8Array.from(ada.bytes)), first);
  const changed = Uint8Array.from(ada.bytes);
  changed[changed.length - 1] = (changed.at(-1) ?? 0) ^ 1;
  assert.notEqual(await parseCertificates(changed), first);
  const large = text(`${"A remark.\n".repeat(2000)}${armoredText(ada)}`);
  const read = await parseCertificates(large);
  assert.equal(read.kind, "parsed");
  assert.notEqual(await parseCertificates(large), read);
});
