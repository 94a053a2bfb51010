/** Surreptitious forwarding: what was sealed for one person is sent on in clear, or sealed again for another. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { armorSignature } from "../support/signatures.ts";
import { judgeClear } from "../../src/incoming/signed.ts";
import { parseHeader } from "../../src/mail/header.ts";
import { decrypt } from "../../src/openpgp/messages/decrypt.ts";
import { packet } from "../../src/openpgp/packets/packet.ts";
import { detectProtection } from "../../src/pgpmime/detect.ts";
import { seal } from "../../src/pgpmime/seal.ts";
import { authorDeps, serves } from "../support/authors.ts";
import { expectDecrypted, NOW, ownKey } from "../support/openpgp-messages.ts";

const alice = await ownKey("alice@alpha.test", "compat");
const mallory = await ownKey("mallory@evil.test", "compat");
const DATE = `Date: ${NOW.toUTCString().replace("GMT", "+0000")}`;
const OUTER = `From: alice@alpha.test\r\nTo: bob@beta.test\r\n${DATE}\r\n`;

/** The verdict on what alice sealed for mallory, when mallory sends the signed entity on to bob in clear. */
async function sentOn(intended: boolean) {
  const message = Buffer.from(
    `From: alice@alpha.test\r\nTo: mallory@evil.test\r\n${DATE}\r\nSubject: Private\r\nMessage-ID: <1@alpha.test>\r\n\r\nFor you alone.\r\n`,
  );
  const sealed = await seal({
    message,
    signer: alice,
    recipients: [mallory.certificate],
    intended: intended ? [mallory.fingerprint] : [],
    now: NOW,
  });
  const found = detectProtection(sealed);
  assert(found.kind === "sealed");
  const opened = expectDecrypted(await decrypt({ message: found.ciphertext, keys: [mallory] }));
  const signature = armorSignature(packet(2, opened.signatures[0]?.packet ?? new Uint8Array()));
  const clear = Buffer.concat([
    Buffer.from(
      `${OUTER}Content-Type: multipart/signed; protocol="application/pgp-signature"; boundary=b\r\n\r\n--b\r\n`,
    ),
    opened.data,
    Buffer.from("\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\n"),
    signature,
    Buffer.from("\r\n--b--\r\n"),
  ]);
  const protection = detectProtection(clear);
  assert.equal(protection.kind, "signed");
  return judgeClear(authorDeps(serves(alice.certificate)), {
    outer: parseHeader(clear).header,
    protection,
    receivedAt: NOW,
    now: NOW,
  });
}

for (const intended of [true, false]) {
  test(`what alice sealed is nobody's word in clear, intended recipients ${intended ? "named" : "missing"}`, async () => {
    const { state, signature, signer } = await sentOn(intended);
    assert.deepEqual([state, signature, signer], ["UNPROTECTED", "invalid", undefined]);
  });
}
