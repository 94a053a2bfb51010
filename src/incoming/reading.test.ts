/** What readers are told of mail of every kind, from its arrival to what is shown. */
import assert from "node:assert/strict";
import { before, test } from "node:test";

import { servesNothing, SILENT } from "../../test/support/authors.ts";
import { expectDecrypted, NOW, ownKey } from "../../test/support/openpgp-messages.ts";
import { openReadingWorld } from "../../test/support/reading-world.ts";
import { armorSignature } from "../../test/support/signatures.ts";
import type { AuthorAnswer } from "../discovery/author.ts";
import { parseAddress } from "../mail/address.ts";
import { parseHeader } from "../mail/header.ts";
import type { UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { decrypt } from "../openpgp/messages/decrypt.ts";
import { encryptAtRest, signAndEncrypt } from "../openpgp/messages/encrypt.ts";
import { armorMessage } from "../openpgp/packets/armor.ts";
import { packet } from "../openpgp/packets/packet.ts";
import { container, seal } from "../pgpmime/seal.ts";

const READER = "bob@beta.test";
const HEAD =
  `From: alice@alpha.test\r\nTo: ${READER}\r\nSubject: Lease\r\n` +
  `Date: ${NOW.toUTCString().replace("GMT", "+0000")}\r\nMessage-ID: <1@alpha.test>\r\n`;
const SECRET = "CANARY the draft.";
const PART = "A part of it is encrypted and is not shown here; it can be opened apart.";

let alice: UnlockedKey;
let bob: UnlockedKey;

before(async () => {
  [alice, bob] = await Promise.all([
    ownKey("alice@alpha.test", "compat"),
    ownKey(READER, "compat"),
  ]);
});

/** `says`: what alice's domain answers; without it, it serves her key. */
async function shown(
  message: Uint8Array,
  o: { readonly says?: AuthorAnswer; readonly isForDevice?: boolean } = {},
) {
  const reader = parseAddress(READER);
  assert(reader !== undefined);
  await using world = await openReadingWorld({
    reader,
    readersKey: bob,
    authors: o.says === undefined ? new Map([["alice@alpha.test", alice]]) : new Map(),
    ...(o.says === undefined ? {} : { otherwise: o.says }),
    isForDevice: o.isForDevice ?? false,
    now: NOW,
  });
  const mail = await world.arrive(message);
  assert(mail !== undefined);
  return { ...mail, text: Buffer.from(mail.message).toString("latin1") };
}

async function sealedByAlice(): Promise<Uint8Array> {
  return seal({
    message: Buffer.from(`${HEAD}\r\n${SECRET}\r\n`),
    signer: alice,
    recipients: [bob.certificate],
    intended: [bob.fingerprint],
    now: NOW,
  });
}

async function ciphertextOf(text: string): Promise<Uint8Array> {
  return encryptAtRest({ data: Buffer.from(text), recipients: [bob.certificate], now: NOW });
}

test("what is sealed and not signed is encrypted, and its sender is not confirmed", async () => {
  const payload = `Content-Type: text/plain; hp="cipher"\r\n${HEAD}\r\n${SECRET}\r\n`;
  const outer = parseHeader(Buffer.from(`${HEAD}\r\n`)).header;
  const mail = await shown(container(outer, await ciphertextOf(payload)));
  assert.deepEqual([mail.state, mail.signature], ["ENCRYPTED_UNVERIFIED", "none"]);
  assert.equal(mail.sentence, "Encrypted, but the sender is not confirmed.");
  assert.deepEqual([mail.signer, mail.fingerprint, mail.unsigned], [undefined, undefined, []]);
  assert.match(mail.text, /CANARY/);
});

for (const [says, signature, sentence] of [
  [servesNothing("NOSVC"), "unknown", /publishes no key to check the signature/],
  [servesNothing("INSEC"), "unknown", /publishes no key to check the signature/],
  [servesNothing("NOKEY"), "unknown", /publishes no key to check the signature/],
  [SILENT, "later", /has not been checked yet/],
] as const) {
  const what = says.kind === "answered" ? says.code : "silence";
  test(`of signed mail whose author's domain answers with ${what}, nobody is named as signer`, async () => {
    const mail = await shown(await sealedByAlice(), { says });
    assert.deepEqual([mail.state, mail.signature], ["ENCRYPTED_UNVERIFIED", signature]);
    assert.match(mail.sentence, sentence);
    assert.equal(mail.signer, undefined);
  });
}

test("an encrypted part inside ordinary mail is not opened, and makes it nothing else", async () => {
  const layer = Buffer.from(await sealedByAlice()).toString("latin1");
  const type = 'Content-Type: multipart/mixed; boundary="m"';
  const around = `${HEAD}${type}\r\n\r\n--m\r\n\r\nHello\r\n--m\r\n${layer}\r\n--m--\r\n`;
  const mail = await shown(Buffer.from(around, "latin1"));
  assert.deepEqual([mail.state, mail.signature, mail.sentence], ["UNPROTECTED", "none", PART]);
  assert.doesNotMatch(mail.text, /CANARY/);
  assert.match(mail.text, /BEGIN PGP MESSAGE/);
});

test("inline OpenPGP is not opened, and shown as it stands there", async () => {
  const sealed = await signAndEncrypt({
    data: Buffer.from(SECRET),
    signer: alice,
    recipients: [bob.certificate],
    intended: [bob.fingerprint],
    now: NOW,
  });
  const armor = Buffer.from(armorMessage(sealed)).toString("latin1");
  const mail = await shown(Buffer.from(`${HEAD}\r\n${armor}`));
  assert.deepEqual([mail.state, mail.signature, mail.sentence], ["UNPROTECTED", "none", PART]);
  assert(mail.text.endsWith(armor));
  assert.deepEqual([mail.signer, mail.fingerprint], [undefined, undefined]);
});

test("S/MIME is not checked, and its body stays byte for byte", async () => {
  const body = `${Buffer.alloc(300, 7).toString("base64")}\r\n`;
  for (const type of [
    "application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m",
    "application/pkcs7-mime; smime-type=signed-data; name=smime.p7m",
  ]) {
    const fields = `Content-Type: ${type}\r\nContent-Transfer-Encoding: base64\r\n`;
    const mail = await shown(Buffer.from(`${HEAD}${fields}\r\n${body}`));
    assert.deepEqual([mail.state, mail.signature], ["UNPROTECTED", "none"]);
    const isEncrypted = type.includes("enveloped");
    assert.deepEqual(mail.warnings, isEncrypted ? ["ENCRYPTED_UNREADABLE"] : []);
    assert(mail.text.endsWith(`\r\n\r\n${body}`));
  }
});

test("mail for a key on the reader's own device is handed on closed, and says where it opens", async () => {
  const message = Buffer.from(await sealedByAlice());
  const mail = await shown(message, { isForDevice: true });
  assert.deepEqual([mail.state, mail.signature], ["CLIENT_ONLY", "unknown"]);
  assert.equal(mail.sentence, "Encrypted for your own device; open it there.");
  assert.deepEqual([mail.signer, mail.subject], [undefined, "[...]"]);
  assert.doesNotMatch(mail.text, /CANARY|Lease/);
});

for (const isSigned of [false, true]) {
  const what = isSigned ? "signed" : "not signed";
  test(`hp="cipher" in clear mail that is ${what} is no encryption`, async () => {
    const part = `Content-Type: text/plain; hp="cipher"\r\n${HEAD}\r\n${SECRET}`;
    const message = isSigned ? await clearSigned(part) : `${HEAD}${part}\r\n`;
    const mail = await shown(Buffer.from(message, "latin1"));
    assert.deepEqual([mail.state, mail.sentence], ["UNPROTECTED", ""]);
    assert.equal(mail.signature, isSigned ? "invalid" : "none");
    assert.equal(mail.signer, undefined);
  });
}

/** A message whose whole body alice signed, as RFC 3156 §5 has it. */
async function clearSigned(part: string): Promise<string> {
  const message = await signAndEncrypt({
    data: Buffer.from(part),
    signer: alice,
    recipients: [bob.certificate],
    intended: [],
    now: NOW,
  });
  const [signature] = expectDecrypted(await decrypt({ message, keys: [bob] })).signatures;
  assert(signature !== undefined);
  const armor = Buffer.from(armorSignature(packet(2, signature.packet))).toString("latin1");
  const type = 'multipart/signed; protocol="application/pgp-signature"; boundary="b"';
  const kind = "Content-Type: application/pgp-signature";
  return `${HEAD}Content-Type: ${type}\r\n\r\n--b\r\n${part}\r\n--b\r\n${kind}\r\n\r\n${armor}\r\n--b--\r\n`;
}

test("a receipt that came with mail is not shown, wherever it stood", async () => {
  const field = "E2E-Receipt: v=1, rcpt=ben@beta.test; got=sealed\r\n";
  const payload = `Content-Type: text/plain; hp="cipher"\r\n${HEAD}${field}\r\n${SECRET}\r\n`;
  const outer = parseHeader(Buffer.from(`${HEAD}${field}\r\n`)).header;
  for (const message of [
    Buffer.from(`${field}${HEAD}\r\n${SECRET}\r\n`),
    container(outer, await ciphertextOf(payload)),
    Buffer.from(`${field}${await clearSigned(`Content-Type: text/plain\r\n\r\n${SECRET}`)}`),
  ]) {
    const mail = await shown(message);
    assert.match(mail.text, /CANARY/);
    assert.doesNotMatch(mail.text, /receipt|ben@beta/i);
  }
});

test("nobody on the way makes mail pass for one that was imported: what arrives is judged as it is", async () => {
  const field = Buffer.from("X-Sealpost-Imported: Sat, 28 Nov 2026 10:00:00 +0000\r\n");
  const mail = await shown(Buffer.concat([field, await sealedByAlice()]));
  assert.deepEqual([mail.state, mail.warnings], ["CONFIDENTIAL", []]);
  assert.doesNotMatch(mail.text, /imported/i);
});
