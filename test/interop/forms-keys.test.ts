/** The page on forms of keys says what becomes of them, and each of its lines is true. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after as afterAll, test } from "node:test";

import { enums, UserIDPacket } from "openpgp";

import { Secret } from "../../src/base/secret.ts";
import { after, DAY } from "../../src/base/time.ts";
import { acceptForEncryption } from "../../src/openpgp/certificates/acceptance.ts";
import { TAG, writePacket } from "../../src/openpgp/packets/certificate-parts.ts";
import { type Certificate, parseCertificates } from "../../src/openpgp/certificates/certificate.ts";
import { importSecretKey } from "../../src/openpgp/imports/import-secret-key.ts";
import { readDetachedSignatures } from "../../src/openpgp/messages/signature-facts.ts";
import { addressOf } from "../support/address.ts";
import { asAuthor } from "../support/author-check.ts";
import {
  flags,
  forgeCertificate,
  newForge,
  packetOf,
  primaryOf,
  sign,
} from "../support/forge-certificate.ts";
import { GnupgMaker, type KeyWishes } from "../support/gnupg-made.ts";
import { ARGON2, libraryKey, NOW, patched } from "../support/secret-keys.ts";

const PAGE = readFileSync(join(import.meta.dirname, "../../docs/use/forms-keys.md"), "utf8");
const P = addressOf("p@alpha.test");
const MADE = after(NOW, -DAY);
const NFC = "Straße-ä".normalize("NFC");
const NFD = NFC.normalize("NFD");
const maker = new GnupgMaker();
afterAll(async () => maker[Symbol.asyncDispose]());

async function read(bytes: Uint8Array): Promise<Certificate> {
  const parsed = await parseCertificates(bytes);
  const [certificate] = parsed.kind === "parsed" ? parsed.certificates : [];
  assert(certificate, JSON.stringify(parsed));
  return certificate;
}

async function accepted(bytes: Uint8Array): Promise<string> {
  const acceptance = await acceptForEncryption(await read(bytes), P, NOW);
  return acceptance.kind === "acceptable" ? "usable" : acceptance.reason;
}

async function taken(bytes: Uint8Array, typed: string): Promise<string> {
  using passphrase = Secret.fromText(typed);
  const result = await importSecretKey({ bytes, passphrase, address: P, now: NOW });
  if (result.kind === "refused") return result.reason;
  result.secretKey[Symbol.dispose]();
  return "imported";
}

const byGnupg = async (userId: string, wishes: KeyWishes = {}): Promise<Uint8Array> =>
  // NOW lies a minute back.
  (await maker.make(userId, { options: ["--faked-system-time", isoTime(MADE)], ...wishes }))
    .certificate;

const isoTime = (date: Date): string => `${date.toISOString().slice(0, 19).replace(/[-:]/g, "")}!`;

async function locked(passphrase: Uint8Array): Promise<Uint8Array> {
  return (await maker.make("p@alpha.test", { passphrase })).secretKey;
}

async function withArgon2(memoryExponent: number, passes: number): Promise<Uint8Array> {
  const base = { user: "p@alpha.test", date: MADE } as const;
  if (memoryExponent <= 16) {
    const s2kArgon2Params = { passes, parallelism: 4, memoryExponent };
    return libraryKey({ ...base, passphrase: "x", config: { ...ARGON2, s2kArgon2Params } });
  }
  const small = await libraryKey({ ...base, passphrase: "x", config: ARGON2 });
  return patched(small, 20, passes, 4, memoryExponent);
}

async function ownSignature(): Promise<string> {
  const { gnupg, certificate } = await maker.make("<bob@beta.test>", { encryption: "none" });
  const text = "text\r\n";
  const { stdout } = await gnupg.gpg(["--armor", "--detach-sign"], { input: text });
  const signatures = readDetachedSignatures(stdout);
  assert(signatures);
  const { signature, recipient } = await asAuthor(
    await read(certificate),
    Buffer.from(text),
    signatures,
  );
  assert.equal(recipient, "no-encryption-key");
  return signature;
}

async function revokedBeside(): Promise<string> {
  const { gnupg, fingerprint } = await maker.make("p@alpha.test");
  const certificate = (await gnupg.gpg(["--armor", "--export", fingerprint])).stdout;
  const file = join(gnupg.home, "openpgp-revocs.d", `${fingerprint}.rev`);
  // GnuPG puts a colon before the armor, so that nobody imports it by mistake.
  const revocation = readFileSync(file, "utf8").replace(":-----BEGIN", "-----BEGIN");
  return accepted(Buffer.concat([certificate, Buffer.from(revocation)]));
}

async function latin1(): Promise<Uint8Array> {
  const forge = await newForge(MADE);
  const [key, body] = [await primaryOf(forge), Buffer.from("Jörg <p@alpha.test>", "latin1")];
  const userID = new UserIDPacket();
  userID.write = () => Uint8Array.from(body);
  const facts = { keyFlags: flags(3) };
  const certification = await sign(
    forge.secret.keyPacket,
    "certPositive",
    { key, userID },
    MADE,
    facts,
  );
  const whole = await forgeCertificate(forge, { date: MADE, userIds: [] });
  const primary = writePacket(TAG.publicKey, key.write());
  const rest = whole.subarray(primary.length);
  return Buffer.concat([primary, writePacket(TAG.userId, body), packetOf(certification), rest]);
}

/** A key packet of ML-DSA-65 with Ed25519, or a subkey of ML-KEM-768 with X25519, as RFC 9980 numbers them. */
const later = (tag: number, version: number, algorithm: number, octets: number): Uint8Array => {
  const material = Buffer.alloc(octets, 7);
  const length = Buffer.alloc(version === 6 ? 4 : 0);
  if (version === 6) length.writeUInt32BE(octets);
  const head = Buffer.from([version, 0x60, 0, 0, 0, algorithm]);
  return writePacket(tag, Buffer.concat([head, length, material]));
};

const userId = async (text: string): Promise<string> => accepted(await byGnupg(text));

/** By what the page says of them. */
const FORMS: Readonly<Record<string, () => Promise<string>>> = {
  "user ID `p@alpha.test <p@alpha.test>`": async () => userId("p@alpha.test <p@alpha.test>"),
  "user ID `Ada @ work <p@alpha.test>`": async () => userId("Ada @ work <p@alpha.test>"),
  "user ID `<p@alpha.test>`": async () => userId("<p@alpha.test>"),
  "user ID `q@beta.test <p@alpha.test>`": async () => userId("q@beta.test <p@alpha.test>"),
  "user ID in ISO 8859-1": async () => accepted(await latin1()),
  "key for signing alone, as a recipient's": async () =>
    accepted(await byGnupg("p@alpha.test", { encryption: "none" })),
  "key for signing alone, as an author's": ownSignature,
  "RSA of 1024 bits": async () =>
    accepted(await byGnupg("p@alpha.test", { algorithm: "rsa1024", encryption: "rsa1024" })),
  "revocation in a block of its own behind the certificate": revokedBeside,
  "key that has expired": async () => {
    const options = ["--faked-system-time", isoTime(after(NOW, -9 * DAY))];
    return accepted(await byGnupg("p@alpha.test", { expires: "2d", options }));
  },
  "passphrase in ISO 8859-1, typed in UTF-8": async () =>
    taken(await locked(Buffer.from(NFC, "latin1")), NFC),
  "passphrase in NFD, typed in NFC": async () => taken(await locked(Buffer.from(NFD)), NFC),
  "passphrase in NFC, typed in NFD": async () => taken(await locked(Buffer.from(NFC)), NFD),
  "locked with Argon2, 64 MiB and three passes": async () => taken(await withArgon2(16, 3), "x"),
  "locked with Argon2, 2 GiB and one pass": async () => taken(await withArgon2(21, 1), "x"),
  "RSA with a self-signature in SHA-1": async () => {
    const forge = await newForge(MADE, {
      type: "rsa",
      rsaBits: 2048,
      config: { minRSABits: 2048 },
    });
    const certification = { hashAlgorithm: enums.hash.sha1 };
    return accepted(
      await forgeCertificate(forge, { date: MADE, userIds: ["p@alpha.test"], certification }),
    );
  },
  "primary key of a post-quantum algorithm": async () =>
    accepted(
      Buffer.concat([
        later(TAG.publicKey, 6, 30, 1984),
        writePacket(TAG.userId, Buffer.from("p@alpha.test")),
      ]),
    ),
  "post-quantum encryption subkey beside one on Curve25519": async () => {
    const forge = await newForge(MADE);
    const whole = await forgeCertificate(forge, { date: MADE, userIds: ["p@alpha.test"] });
    return accepted(Buffer.concat([whole, later(TAG.publicSubkey, 4, 35, 1216)]));
  },
};

const ROWS = [...PAGE.matchAll(/^\| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm)]
  .map(([, program = "", form = "", expected = ""]) => ({ program, form, expected }))
  .filter(({ program }) => program !== "program" && !program.startsWith("---"));

test("the page names each form once, and only forms that are tried", () => {
  assert.deepEqual(ROWS.map(({ form }) => form).toSorted(), Object.keys(FORMS).toSorted());
});

for (const { program, form, expected } of ROWS) {
  test(`${program}: ${form}: ${expected}`, async () => {
    const make = FORMS[form];
    assert(make);
    assert.equal(await make(), expected);
  });
}
