/** Mail that holds ciphertext and is not sealed as a whole: what its reader is told, and what opens apart. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { before, test } from "node:test";

import { NOW, ownKey } from "../../test/support/openpgp-messages.ts";
import { openReadingWorld } from "../../test/support/reading-world.ts";
import { parseAddress } from "../mail/address.ts";
import { parseHeader } from "../mail/header.ts";
import type { UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { encryptAtRest, signAndEncrypt } from "../openpgp/messages/encrypt.ts";
import { armorMessage } from "../openpgp/packets/armor.ts";
import { container, seal } from "../pgpmime/seal.ts";
import type { ShownMail } from "./reading.ts";

const READER = "bob@beta.test";
const HEAD =
  `From: alice@alpha.test\r\nTo: ${READER}\r\nSubject: Lease\r\n` +
  `Date: ${NOW.toUTCString().replace("GMT", "+0000")}\r\nMessage-ID: <1@alpha.test>\r\n`;
const PAYLOAD = "Content-Type: text/plain; charset=utf-8\r\n\r\nCANARY Gr\u00fc\u00dfe\r\n";

let alice: UnlockedKey;
let bob: UnlockedKey;
let armor: string;
let binary: Uint8Array;

before(async () => {
  [alice, bob] = await Promise.all([
    ownKey("alice@alpha.test", "compat"),
    ownKey(READER, "compat"),
  ]);
  binary = await sealedFor(Buffer.from(PAYLOAD), bob);
  armor = armored(binary);
});

async function sealedFor(data: Uint8Array, reader: UnlockedKey): Promise<Uint8Array> {
  const to = { recipients: [reader.certificate], intended: [reader.fingerprint] };
  return signAndEncrypt({ data, signer: alice, ...to, now: NOW });
}

function armored(message: Uint8Array): string {
  return Buffer.from(armorMessage(message)).toString("latin1");
}

async function arrived(message: string | Uint8Array, isPart: boolean): Promise<ShownMail> {
  const reader = parseAddress(READER);
  assert(reader !== undefined);
  await using world = await openReadingWorld({
    reader,
    readersKey: bob,
    authors: new Map([["alice@alpha.test", alice]]),
    now: NOW,
  });
  const bytes = typeof message === "string" ? crlf(message) : message;
  const mail = await world.arrive(bytes, { isPart });
  assert(mail !== undefined);
  return mail;
}

const crlf = (text: string): Buffer => Buffer.from(text.replaceAll(/\r?\n/g, "\r\n"), "latin1");

const VERSION = "--b\nContent-Type: application/pgp-encrypted\n\nVersion: 1\n\n";
const data = (type = "application/octet-stream", body = armor): string =>
  `--b\nContent-Type: ${type}\n\n${body}\n`;
const ENCRYPTED =
  'Content-Type: multipart/encrypted; protocol="application/pgp-encrypted"; boundary="b"\n\n';
const MIXED = 'Content-Type: multipart/mixed; boundary="m"\n\n';

/** Each holds one ciphertext for the reader, and is not sealed as a whole. */
const FORMS: Readonly<Record<string, () => string>> = {
  "a list's footer beside it": () =>
    `${MIXED}--m\n${ENCRYPTED}${VERSION}${data()}--b--\n\n--m\nContent-Type: text/plain\n\n___\nfooter\n--m--\n`,
  "a third part": () =>
    `${ENCRYPTED}${VERSION}${data()}--b\nContent-Type: text/plain\n\nScanned\n--b--\n`,
  "a second part called application/pgp": () =>
    `${ENCRYPTED}${VERSION}${data('application/pgp; name="encrypted.pgp"')}--b--\n`,
  "a second part called application/pgp-encrypted": () =>
    `${ENCRYPTED}${VERSION}${data("application/pgp-encrypted")}--b--\n`,
  "a second part called text/plain": () => `${ENCRYPTED}${VERSION}${data("text/plain")}--b--\n`,
  "no version part": () => `${ENCRYPTED}${data()}--b--\n`,
  "parts in the other order": () => `${ENCRYPTED}${data()}${VERSION}--b--\n`,
  "no protocol": () =>
    `${ENCRYPTED.replace(' protocol="application/pgp-encrypted";', "")}${VERSION}${data()}--b--\n`,
  "multipart/mixed as Exchange leaves it, with a text": () =>
    `${ENCRYPTED.replace("encrypted", "mixed")}--b\nContent-Type: text/plain\n\nExternal sender\n\n${VERSION}${data()}--b--\n`,
  "multipart/mixed as Proton Bridge leaves it": () =>
    `${ENCRYPTED.replace("encrypted", "mixed")}${VERSION}${data("application/octet-stream; name=encrypted.asc")}--b--\n`,
  "multipart/mixed with the ciphertext in base64": () =>
    `${MIXED}--m\nContent-Type: text/plain\n\n\n--m\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n${Buffer.from(armor).toString("base64")}\n--m--\n`,
  "inline OpenPGP": () => `Content-Type: text/plain; charset=utf-8\n\n${armor}`,
  "inline OpenPGP in a text": () => `Content-Type: text/plain\n\nHello,\n\n${armor}\n--\nA\n`,
  "inline OpenPGP in base64": () =>
    `Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n${Buffer.from(armor).toString("base64")}\n`,
  "inline OpenPGP beside the same in HTML": () =>
    `${MIXED.replace("mixed", "alternative")}--m\nContent-Type: text/plain\n\n${armor}\n--m\nContent-Type: text/html\n\n<pre>${armor}</pre>\n--m--\n`,
  "an encrypted message that is attached": () =>
    `${MIXED}--m\nContent-Type: text/plain\n\nSee below\n--m\nContent-Type: message/rfc822\n\nFrom: c@x.test\nSubject: inner\nMIME-Version: 1.0\n${ENCRYPTED}${VERSION}${data()}--b--\n\n--m--\n`,
  "an encrypted message that is attached in base64": () =>
    `${MIXED}--m\nContent-Type: message/rfc822\nContent-Transfer-Encoding: base64\n\n${crlf(
      `From: c@x.test\n${ENCRYPTED}${VERSION}${data()}--b--\n`,
    ).toString("base64")}\n--m--\n`,
  "an encrypted message that is forwarded as the whole": () =>
    `Content-Type: message/rfc822\n\nFrom: c@x.test\n${ENCRYPTED}${VERSION}${data()}--b--\n`,
  "an encrypted file": () =>
    `${MIXED}--m\nContent-Type: text/plain\n\nhi\n--m\nContent-Type: application/x-any; name=a.pgp\nContent-Transfer-Encoding: base64\n\n${Buffer.from(binary).toString("base64")}\n--m--\n`,
  "a binary message as application/octet-stream": () =>
    `${MIXED}--m\nContent-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n${Buffer.from(binary).toString("base64")}\n--m--\n`,
};

for (const [name, form] of Object.entries(FORMS)) {
  test(`${name}: the message says that a part is encrypted, and the part opens apart`, async () => {
    const message = `${HEAD}MIME-Version: 1.0\n${form()}`;
    const mail = await arrived(message, false);
    assert.deepEqual([mail.state, mail.warnings], ["UNPROTECTED", ["ENCRYPTED_PART"]]);
    assert.match(mail.sentence, /part of it is encrypted/);
    assert.doesNotMatch(Buffer.from(mail.message).toString("latin1"), /CANARY/);
    const part = await arrived(message, true);
    assert.deepEqual([part.state, part.warnings], ["UNPROTECTED", ["OPENED_APART"]]);
    assert.deepEqual(
      [part.signature, part.signer, part.fingerprint],
      ["none", undefined, undefined],
    );
    assert.match(part.sentence, /opened apart\. Nobody confirms/);
    assert.deepEqual(
      part.parts.map(({ text }) => text),
      ["CANARY Gr\u00fc\u00dfe\r\n"],
    );
    assert.equal(Buffer.from(part.raw).toString(), PAYLOAD);
    assert.match(
      Buffer.from(part.message).toString("latin1"),
      /^E2E-Status: v=1; state=UNPROTECTED/,
    );
  });
}

test("what is encrypted twice says so, in the state of the outer layer, and the inner one opens apart", async () => {
  const inner = Buffer.from(container(parseHeader(Buffer.from(HEAD)).header, binary));
  const message = await seal({
    message: inner,
    signer: alice,
    recipients: [bob.certificate],
    intended: [bob.fingerprint],
    now: NOW,
  });
  const mail = await arrived(message, false);
  assert.deepEqual([mail.state, mail.warnings], ["CONFIDENTIAL", ["ENCRYPTED_PART"]]);
  const part = await arrived(message, true);
  assert.deepEqual([part.state, part.warnings], ["UNPROTECTED", ["OPENED_APART"]]);
  assert.match(part.parts[0]?.text ?? "", /CANARY/);
});

test("a part that is encrypted twice says so again", async () => {
  const outer = await sealedFor(crlf(`Content-Type: text/plain\n\n${armor}`), bob);
  const part = await arrived(`${HEAD}\nHello\n${armored(outer)}`, true);
  assert.deepEqual(part.warnings, ["OPENED_APART", "ENCRYPTED_PART"]);
});

test("an author in the part is not shown in place of the one outside", async () => {
  const payload = `From: ceo@beta.test\r\nSubject: Transfer\r\nContent-Type: text/plain; protected-headers="v1"\r\n\r\npay\r\n`;
  const sealed = await sealedFor(Buffer.from(payload), bob);
  const part = await arrived(`${HEAD}\nHello\n${armored(sealed)}`, true);
  const { header } = parseHeader(part.message);
  const from = header.filter(({ name }) => name === "From");
  assert.equal(from.length, 1);
  assert.match(Buffer.from(from[0]?.raw ?? "").toString(), /alice@alpha\.test/);
});

test("a file that was encrypted is shown as a file, and its octets are there", async () => {
  const file = Buffer.concat([Buffer.alloc(4), randomBytes(3000)]);
  const sealed = await encryptAtRest({ data: file, recipients: [bob.certificate], now: NOW });
  const part = await arrived(`${HEAD}\nHello\n${armored(sealed)}`, true);
  assert.equal(part.parts[0]?.contentType, "application/octet-stream");
  assert.equal(part.parts[0].sizeBytes, file.length);
  assert(Buffer.from(part.raw).equals(file));
});

test("a part for somebody else, in another form, damaged or cut off says so and shows nothing", async () => {
  const other = armored(await sealedFor(Buffer.from(PAYLOAD), alice));
  const middle = armor.length >> 1;
  const digit = armor.charAt(middle) === "A" ? "B" : "A";
  for (const [body, state] of [
    [other, "UNDECRYPTABLE"],
    [
      armored(Buffer.concat([Buffer.of(0xc3, 4, 4, 9, 0, 8), Buffer.of(0xd2, 1, 1)])),
      "UNDECRYPTABLE",
    ],
    [`${armor.slice(0, middle)}${digit}${armor.slice(middle + 1)}`, "DAMAGED"],
    [armor.slice(0, middle), "DAMAGED"],
  ] as const) {
    const mail = await arrived(`${HEAD}\nHello\n${body}`, false);
    assert.deepEqual(mail.warnings, ["ENCRYPTED_PART"], state);
    const part = await arrived(`${HEAD}\nHello\n${body}`, true);
    assert.deepEqual([part.state, part.parts, part.raw.length], [state, [], 0]);
  }
});

test("several ciphertexts, one in HTML alone, and S/MIME are not opened, and the message says so", async () => {
  for (const message of [
    `${MIXED}--m\n\n${armor}\n--m\n\n${armor}\n--m--\n`,
    `Content-Type: text/plain\n\n${armor}\n${armor}`,
    `Content-Type: text/html\n\n<pre>${armor}</pre>`,
    `${MIXED}--m\n\nhi\n--m\nContent-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nx\n--m--\n`,
    "Content-Type: application/x-pkcs7-mime; smime-type=AuthEnveloped-Data\n\nx\n",
  ]) {
    const mail = await arrived(`${HEAD}${message}`, false);
    assert.deepEqual([mail.state, mail.warnings], ["UNPROTECTED", ["ENCRYPTED_UNREADABLE"]]);
    assert.match(mail.sentence, /encrypted in a way that is not opened here/);
    await assert.rejects(arrived(`${HEAD}${message}`, true), /exactly one encrypted part/);
  }
});

test("ordinary mail says nothing, whatever its files begin with, and opens nothing apart", async () => {
  for (const message of [
    "\nhello\n",
    "\nYou wrote:\n> -----BEGIN PGP MESSAGE-----\n>\n> hF4D\n",
    `\n> ${armor.replaceAll("\r\n", "\r\n> ")}\n`,
    "\n-----BEGIN PGP MESSAGE-----\n\nthis is how it looks\n-----END PGP MESSAGE-----\n",
    `Content-Type: application/octet-stream\nContent-Transfer-Encoding: base64\n\n${Buffer.alloc(200, 0xc1).toString("base64")}\n`,
    "Content-Type: application/pkcs7-mime; smime-type=signed-data\n\nx\n",
  ]) {
    const mail = await arrived(`${HEAD}${message}`, false);
    assert.deepEqual([mail.state, mail.warnings, mail.sentence], ["UNPROTECTED", [], ""]);
    await assert.rejects(arrived(`${HEAD}${message}`, true), /exactly one encrypted part/);
  }
});
