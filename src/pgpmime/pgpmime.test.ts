import assert from "node:assert/strict";
import { test } from "node:test";

import { AppError } from "../base/errors.ts";
import { parseDate } from "../base/time.ts";
import { parseAddress } from "../mail/address.ts";
import { parseHeader } from "../mail/header.ts";
import { checkLineEnds, readMessageFacts } from "../mail/mail.ts";
import { scanMime } from "../mail/mime.ts";
import { generateKey } from "../openpgp/keys/generate.ts";
import { readSecretKey, type UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { encryptAtRest } from "../openpgp/messages/encrypt.ts";
import { verifySignature } from "../openpgp/messages/verify.ts";
import { armorMessage } from "../openpgp/packets/armor.ts";
import { readProtectedHeader } from "./payload-header.ts";
import { open } from "./pgpmime.ts";
import { readerView } from "./reader-view.ts";
import { seal } from "./seal.ts";

const now = parseDate("2026-11-23T10:00:00Z");
assert.ok(now);
const NOW = now;

async function newKey(text: string): Promise<UnlockedKey> {
  const address = parseAddress(text);
  assert.ok(address && now);
  using secretKey = (await generateKey({ address, profile: "compat", now })).secretKey;
  return readSecretKey(secretKey);
}

const alice = await newKey("alice@alpha.test");
const bob = await newKey("bob@beta.test");
const MESSAGE = Buffer.from(
  "From: alice@alpha.test\r\nTo: bob@beta.test\r\nSubject: The plan\r\nMessage-ID: <1@alpha.test>\r\n" +
    "Date: Mon, 23 Nov 2026 10:00:00 +0000\r\nMIME-Version: 1.0\r\n" +
    "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\nGrüße\r\n",
);

async function sealed(message: Uint8Array = MESSAGE): Promise<Buffer> {
  assert.ok(now);
  const recipients = [bob.certificate];
  const intended = recipients.map(({ fingerprint }) => fingerprint);
  return Buffer.from(await seal({ message, signer: alice, recipients, intended, now }));
}

test("a sealed message is a multipart/encrypted that tells nothing", async () => {
  const outer = await sealed();
  assert.equal(checkLineEnds(outer), "ok");
  const root = scanMime(outer);
  assert.equal(root.isMalformed, false);
  assert.deepEqual(
    root.parts.map(({ contentType }) => contentType.subtype),
    ["pgp-encrypted", "octet-stream"],
  );
  assert.equal(readMessageFacts(root.header).subject, "[...]");
  assert.doesNotMatch(outer.toString("latin1"), /plan|Gr\xC3|utf-8|8bit/);
  for (const line of outer.toString("latin1").split("\r\n")) assert.ok(line.length <= 78);
});

test("what is opened is what was sealed, signed by the sender for the reader", async () => {
  const outer = await sealed();
  const opened = await open({ message: outer, keys: [alice, bob] });
  assert.ok(opened.kind === "opened");
  assert.equal(opened.keyFingerprint, bob.fingerprint);
  const inside = readProtectedHeader(opened.payload);
  assert.ok(inside.kind === "cipher");
  assert.equal(readMessageFacts(inside.fields).subject, "The plan");
  const [signature] = opened.signatures;
  assert.ok(signature);
  assert.deepEqual(signature.intended, [bob.fingerprint]);
  const check = await verifySignature({
    data: opened.payload,
    signature,
    certificate: alice.certificate,
  });
  assert.equal(check.kind, "valid");
  const shown = readerView(parseHeader(outer).header, opened.payload);
  assert.equal(Buffer.from(shown).toString(), MESSAGE.toString());
});

test("an installation may leave the text as it was written, without the subject in it", async () => {
  const recipients = [bob.certificate];
  const intended = [bob.fingerprint];
  const asked = { message: MESSAGE, signer: alice, recipients, intended, now: NOW };
  for (const [legacyDisplay, text] of [
    [true, /\r\n\r\nSubject: The plan\r\n\r\nGrüße\r\n$/],
    [false, /HP-Outer[^\r]*\r\n\r\nGrüße\r\n$/],
  ] as const) {
    const opened = await open({ message: await seal({ ...asked, legacyDisplay }), keys: [bob] });
    assert.ok(opened.kind === "opened");
    assert.match(Buffer.from(opened.payload).toString(), text);
  }
});

test("without the reader's key nothing opens, and a changed byte opens to nothing", async () => {
  const outer = await sealed();
  assert.equal((await open({ message: outer, keys: [alice] })).kind, "no-key");
  assert.equal((await open({ message: MESSAGE, keys: [bob] })).kind, "not-sealed");
  const text = outer.toString("latin1");
  // The last whole line of the armor: what stands behind it is sometimes a checksum, and sometimes not.
  const last = [...text.matchAll(/\r\n[\w+/]{64}(?=\r\n)/g)].at(-1);
  assert(last);
  const cut = text.slice(0, last.index) + text.slice(last.index + last[0].length);
  assert.equal((await open({ message: Buffer.from(cut, "latin1"), keys: [bob] })).kind, "damaged");
});

test("a payload without hp is shown with the outer header, even when its own says otherwise", async () => {
  const data = Buffer.from("Content-Type: text/plain\r\nSubject: inner\r\n\r\nx\r\n");
  const ciphertext = await encryptAtRest({ data, recipients: [bob.certificate], now });
  const template = await sealed();
  const outer = template
    .toString("latin1")
    .replace(
      /-----BEGIN[\s\S]*END PGP MESSAGE-----\r\n/,
      Buffer.from(armorMessage(ciphertext)).toString("latin1"),
    );
  const opened = await open({ message: Buffer.from(outer, "latin1"), keys: [bob] });
  assert.ok(opened.kind === "opened");
  assert.equal(readProtectedHeader(opened.payload).kind, "none");
  const shown = readerView(parseHeader(Buffer.from(outer, "latin1")).header, opened.payload);
  assert.equal(readMessageFacts(parseHeader(shown).header).subject, "[...]");
  assert.deepEqual(opened.signatures, []);
});

test("line ends that could smuggle another message are refused", async () => {
  for (const bad of ["\n", "\r", "\0"]) {
    await assert.rejects(sealed(Buffer.concat([MESSAGE, Buffer.from(`a${bad}b\r\n`)])), AppError);
  }
});
