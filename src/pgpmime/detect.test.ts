import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";

import { armorMessage } from "../openpgp/packets/armor.ts";
import { detectProtection, isCiphertext } from "./detect.ts";
import { readProtectedHeader } from "./payload-header.ts";

const bytes = (text: string): Buffer => Buffer.from(text.replaceAll("\n", "\r\n"), "latin1");
const kind = (text: string): string => detectProtection(bytes(text)).kind;

/** A public-key encrypted session key packet of a few bytes: enough for what looks at structure. */
const PKESK = Uint8Array.from([0xc1, 0x03, 0x03, 0x00, 0x00]);
const ARMOR = Buffer.from(armorMessage(PKESK)).toString("latin1").replaceAll("\r\n", "\n");
const TYPE =
  'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"';
const VERSION = "--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n";
const DATA = `--b\nContent-Type: application/octet-stream\n\n${ARMOR}`;
const SEALED = `From: a@x.example\n${TYPE}\n\n${VERSION}${DATA}\n--b--\n`;

test("a message that is one well-formed multipart/encrypted is sealed", () => {
  const found = detectProtection(bytes(SEALED));
  assert.ok(found.kind === "sealed" && !found.isRepaired);
  assert.equal(
    Buffer.from(found.ciphertext).toString("latin1").trim(),
    bytes(ARMOR).toString("latin1").trim(),
  );
});

test("what mail suffers in transit or other programs write is accepted", () => {
  for (const variant of [
    SEALED.replace("--b--\n", ""),
    SEALED.replace("\n\n--b\n", "\n\nThis is an OpenPGP/MIME encrypted message\n\n--b\n"),
    SEALED.replace("Version: 1\n", "\nVersion: 1\n\n\n"),
    SEALED.replace(
      VERSION,
      VERSION.replace("\n\n", "\nContent-Description: x\nContent-Disposition: attachment\n\n"),
    ),
    SEALED.replace('"application/pgp-encrypted"', "Application/PGP-Encrypted"),
    SEALED.replace("--b--\n", "--b--\nFooter of a list\n"),
    `From ada@x.example Mon Nov 23\n${SEALED}`,
  ]) {
    assert.equal(kind(variant), "sealed", variant);
  }
});

test("what the version part says protects nothing, so it may be empty or have other lines", () => {
  for (const variant of [
    SEALED.replace("Version: 1\n", ""),
    SEALED.replace("Version: 1\n", "\n"),
    SEALED.replace("Version: 1", "Version: 2"),
    SEALED.replace("Version: 1", "Version: 1\nComment: gateway"),
    SEALED.replace(
      VERSION,
      "--b\nContent-Type: application/pgp-encrypted; name=\nContent-Transfer-Encoding: base64\n\n\n",
    ),
  ]) {
    assert.equal(kind(variant), "sealed", variant);
  }
});

test("the ciphertext may be base64, quoted-printable or binary", () => {
  const as = (encoding: string, body: string): string =>
    SEALED.replace(
      DATA,
      `--b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: ${encoding}\n\n${body}`,
    );
  const binary = Buffer.from(PKESK).toString("latin1");
  for (const message of [
    as("base64", Buffer.from(PKESK).toString("base64")),
    as("quoted-printable", "=C1=03=03=00=00"),
    as("binary", binary),
  ]) {
    const found = detectProtection(bytes(message));
    assert.ok(found.kind === "sealed");
    assert.deepEqual(Buffer.from(found.ciphertext), Buffer.from(PKESK));
  }
});

test("anything near a sealed message is not one", () => {
  for (const variant of [
    SEALED.replace("multipart/encrypted", "multipart/mixed"),
    SEALED.replace('protocol="application/pgp-encrypted"; ', ""),
    SEALED.replace('protocol="application/pgp-encrypted"', 'protocol="x"'),
    `${TYPE}\n\n${DATA}\n${VERSION}--b--\n`,
    SEALED.replace(VERSION, ""),
    SEALED.replace("--b--", "--b\n\nthird\n--b--"),
    SEALED.replace(VERSION, `--b\n\nspoofed text\n${VERSION}`),
    SEALED.replace("octet-stream", "pgp-encrypted"),
    SEALED.replace("octet-stream", "x"),
    SEALED.replace(TYPE, `${TYPE}\nContent-Type: text/plain`),
    SEALED.replace(TYPE, `${TYPE}; boundary=c`),
    SEALED.replace(TYPE, `${TYPE}\nContent-Transfer-Encoding: base64`),
    SEALED.replace(TYPE, 'Content-Type: multipart/mixed; boundary="m"').replace(
      "\n\n--b",
      `\n\n--m\n${TYPE}\n\n--b`,
    ),
    SEALED.replace(TYPE, "Content-Type: message/rfc822\n").replace("\n\n--b", `\n\n${TYPE}\n\n--b`),
    `Subject: ${SEALED.replaceAll("\n", "\n ")}\n\n${SEALED}`,
    `From: a@x.example\n\n${SEALED}`,
  ]) {
    assert.equal(kind(variant), "none", variant);
  }
});

test("what Exchange makes of a sealed message is repaired in exactly that shape", () => {
  const type = 'Content-Type: multipart/mixed; boundary="b"';
  const mangled = `${type}\n\n--b\nContent-Type: text/plain; charset=us-ascii\n\n\n${VERSION}${DATA}\n--b--\n`;
  const found = detectProtection(bytes(mangled));
  assert.ok(found.kind === "sealed" && found.isRepaired);
  for (const variant of [
    mangled.replace("us-ascii\n\n\n", "us-ascii\n\ntext\n"),
    mangled.replace("text/plain", "text/html"),
    mangled.replace("--b--", "--b\n\n\n--b--"),
    mangled.replace("Version: 1", ""),
    mangled.replace("--b\nContent-Type: text/plain; charset=us-ascii\n\n\n", ""),
  ]) {
    assert.equal(kind(variant), "none", variant);
  }
});

const SIGNED =
  'From: a@x.example\nContent-Type: multipart/signed; protocol="application/pgp-signature"; boundary="b"\n\n' +
  'preamble\n--b\nContent-Type: text/plain; hp="clear"\nFrom: b@x.example\n\ntext\n\n' +
  "--b\nContent-Type: application/pgp-signature\n\nxyz\n--b--\n";

test("signed bytes are the first part as received, without the line end of the delimiter", () => {
  const found = detectProtection(bytes(SIGNED));
  assert.ok(found.kind === "signed");
  assert.equal(
    Buffer.from(found.signedBytes).toString(),
    'Content-Type: text/plain; hp="clear"\r\nFrom: b@x.example\r\n\r\ntext\r\n',
  );
  assert.deepEqual(found.signatures, []);
  const inside = readProtectedHeader(found.signedBytes);
  assert.ok(inside.kind === "clear");
  assert.deepEqual(
    inside.fields.map(({ raw }) => Buffer.from(raw).toString()),
    ["From: b@x.example\r\n"],
  );
});

test("a signature over a part of the message counts for nothing", () => {
  for (const variant of [
    SIGNED.replace("--b--\n", "--b\n\nthird\n--b--\n"),
    SIGNED.replace("--b--\n", "--b--\nspoofed text\n"),
    SIGNED.replace("--b--\n", ""),
    SIGNED.replace("preamble\n", "preamble\n--b\n\nspoofed\n"),
    SIGNED.replace('protocol="application/pgp-signature"; ', ""),
    SIGNED.replace("Content-Type: application/pgp-signature", "Content-Type: text/plain"),
    SIGNED.replace("From: b", "Content-Type: text/html\nFrom: b"),
    `Content-Type: multipart/mixed; boundary="m"\n\n--m\n\nspoofed\n--m\n${SIGNED}\n--m--\n`,
  ]) {
    assert.equal(kind(variant), "none", variant);
  }
});

test("a part that calls itself ciphertext and begins with something else is none", () => {
  const withBody = (body: string, encoding = "binary"): string =>
    SEALED.replace(
      DATA,
      `--b\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: ${encoding}\n\n${body}`,
    );
  assert.equal(kind(withBody(ARMOR)), "sealed");
  assert.equal(
    kind(withBody(ARMOR.replace("\n", "\nVersion: GnuPG v2\nComment: a b\n"))),
    "sealed",
  );
  for (const body of [
    "",
    "clear text",
    "clear\nwcBMA0000000\n",
    `\x80${ARMOR}`,
    ARMOR.replace(/\n\n[^]*/, "\n\n"),
    ARMOR.replace(/\n\n/, "\n\ny2Jj\n"),
  ]) {
    assert.equal(kind(withBody(body)), "none", body);
  }
});

test("a broken header of either part makes it none, and a long header of the message nothing", () => {
  const twice = "Content-Type: text/plain\n";
  for (const type of ["pgp-encrypted", "octet-stream"]) {
    const field = `Content-Type: application/${type}\n`;
    assert.equal(kind(SEALED.replace(`\n${field}`, `\n${field}${twice}`)), "none", type);
  }
  assert.equal(kind(`X-Long: ${"x".repeat(900)}\nX-More: ${"x".repeat(900)}\n${SEALED}`), "sealed");
  for (const encoding of ["7bit", "8bit", "binary"]) {
    const message = SEALED.replace(TYPE, `${TYPE}\nContent-Transfer-Encoding: ${encoding}`);
    assert.equal(kind(message), "sealed", encoding);
  }
});

test("a version part, and the empty one of Exchange, has a thousand octets at most", () => {
  const mixed = 'Content-Type: multipart/mixed; boundary="b"';
  for (const [octets, expected] of [
    [1000, "sealed"],
    [1001, "none"],
  ] as const) {
    const version = VERSION.replace("Version: 1\n", "Version: 1".padEnd(octets));
    assert.equal(kind(SEALED.replace(VERSION, version)), expected);
    const empty = `--b\nContent-Type: text/plain\n\n${" ".repeat(octets)}\n`;
    assert.equal(kind(SEALED.replace(TYPE, mixed).replace("--b", `${empty}--b`)), expected);
  }
});

test("blanks may stand around inline PGP, other text not, and a file is a file", () => {
  assert.equal(kind(`Subject: x\n\n \t\n${ARMOR}\n\t \n`), "inline");
  for (const body of [`x${ARMOR}`, `x\n${ARMOR}`, `${ARMOR}x`])
    assert.equal(kind(`Subject: x\n\n${body}`), "none");
  assert.equal(kind(`Content-Disposition: attachment\n\n${ARMOR}`), "none");
  assert.equal(kind(`Content-Disposition: inline\n\n${ARMOR}`), "inline");
});

test("inline PGP is a whole body that is one armored ciphertext", () => {
  assert.equal(kind(`Subject: x\n\n\n${ARMOR}\n`), "inline");
  assert.equal(
    kind(`Content-Transfer-Encoding: base64\n\n${bytes(ARMOR).toString("base64")}`),
    "inline",
  );
  for (const body of [
    `Hello\n${ARMOR}`,
    `${ARMOR}\nBye`,
    `${ARMOR}\n${ARMOR}`,
    "-----BEGIN PGP MESSAGE-----\n\nnot base64!\n-----END PGP MESSAGE-----\n",
    Buffer.from(armorMessage(Uint8Array.from([0xcb, 3, 0x62, 0, 0])))
      .toString("latin1")
      .replaceAll("\r", ""),
  ]) {
    assert.equal(kind(`Subject: x\n\n${body}`), "none", body);
  }
  assert.equal(kind(`Content-Type: text/html\n\n${ARMOR}`), "none");
});

test("S/MIME counts as protected only when it hides its content", () => {
  assert.equal(
    kind("Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nx"),
    "smime",
  );
  assert.equal(kind("Content-Type: application/pkcs7-mime; smime-type=signed-data\n\nx"), "none");
  assert.equal(kind("Content-Type: application/pkcs7-mime\n\nx"), "none");
});

test("only application/pkcs7-mime is S/MIME", () => {
  assert.equal(
    kind("Content-Type: application/x-pkcs7-mime; smime-type=AuthEnveloped-Data\n\nx"),
    "smime",
  );
  for (const type of ["application/octet-stream", "text/pkcs7-mime"]) {
    assert.equal(kind(`Content-Type: ${type}; smime-type=enveloped-data\n\nx`), "none", type);
  }
});

test("ciphertext is told by its first packet", () => {
  for (let tag = 1; tag < 64; tag += 1) {
    const isOne = [1, 3, 9, 18, 20].includes(tag);
    assert.equal(isCiphertext(Uint8Array.from([0xc0 | tag])), isOne, String(tag));
    if (tag < 16) assert.equal(isCiphertext(Uint8Array.from([0x80 | (tag << 2)])), isOne);
  }
  assert.equal(isCiphertext(PKESK), true);
  assert.equal(isCiphertext(Uint8Array.from([0x85])), true);
  assert.equal(isCiphertext(Uint8Array.from([0xcb])), false);
  assert.equal(isCiphertext(new Uint8Array()), false);
});

test("mutations of sealed and signed messages never make detection throw", () => {
  const base = fc.constantFrom(bytes(SEALED), bytes(SIGNED));
  const edit = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }), cut: fc.nat(20) });
  fc.assert(
    fc.property(base, fc.array(edit, { maxLength: 5 }), (message, edits) => {
      let mutated: Buffer = message;
      for (const { at, byte, cut } of edits) {
        const i = at % mutated.length;
        mutated = Buffer.concat([
          mutated.subarray(0, i),
          Buffer.from([byte]),
          mutated.subarray(i + cut),
        ]);
      }
      detectProtection(mutated);
    }),
    { numRuns: 2000 },
  );
});
