import assert from "node:assert/strict";
import { test } from "node:test";
import { UserIDPacket } from "openpgp";

import { addressOf } from "../../../test/support/address.ts";
import {
  flags,
  newForge,
  packetOf,
  primaryOf,
  read,
  sign,
  subkeyOf,
} from "../../../test/support/forge-certificate.ts";
import { NOW } from "../../../test/support/secret-keys.ts";
import { DAY, after } from "../../base/time.ts";
import { TAG, writePacket } from "../packets/certificate-parts.ts";
import { acceptForEncryption, checkSigner } from "./acceptance.ts";
import type { Certificate } from "./certificate.ts";

const MADE = after(NOW, -DAY);

/** A certificate whose user ID is in ISO 8859-1, as PGP and old GnuPG wrote it. */
async function latin1(text: string): Promise<Certificate> {
  const forge = await newForge(MADE);
  const key = await primaryOf(forge);
  const bind = await subkeyOf(forge);
  const body = Buffer.from(text, "latin1");
  const userID = new UserIDPacket();
  userID.write = () => Uint8Array.from(body);
  const primary = forge.secret.keyPacket;
  return read(
    Buffer.concat([
      writePacket(TAG.publicKey, key.write()),
      writePacket(TAG.userId, body),
      packetOf(await sign(primary, "certPositive", { key, userID }, MADE, { keyFlags: flags(3) })),
      writePacket(TAG.publicSubkey, bind.write()),
      packetOf(await sign(primary, "subkeyBinding", { key, bind }, MADE, { keyFlags: flags(12) })),
    ]),
  );
}

test("a name in ISO 8859-1 is shown as it is meant, and its ASCII address counts", async () => {
  const certificate = await latin1("J\u{fc}rgen Gr\u{f6}\u{df}e <jg@post.example>");
  assert.deepEqual(certificate.userIds, ["Jürgen Größe <jg@post.example>"]);
  const address = addressOf("jg@post.example");
  assert.equal((await acceptForEncryption(certificate, address, NOW)).kind, "acceptable");
  const signer = { keyFingerprint: certificate.fingerprint, signedAt: NOW };
  assert.equal((await checkSigner(certificate, address, signer)).kind, "bound");
});

test("what is read as ISO 8859-1 is never an address beyond ASCII", async () => {
  for (const text of ["j\u{fc}rgen@post.example", "J <j\u{fc}rgen@post.example>"]) {
    const certificate = await latin1(text);
    for (const wanted of [
      "j\u{fc}rgen@post.example",
      "j\u{fc}rgen+x@post.example",
      "jrgen@post.example",
    ]) {
      const address = addressOf(wanted);
      const acceptance = await acceptForEncryption(certificate, address, NOW);
      assert.deepEqual(acceptance, { kind: "unusable", reason: "wrong-user-id" });
      const signer = { keyFingerprint: certificate.fingerprint, signedAt: NOW };
      const check = await checkSigner(certificate, address, signer);
      assert.deepEqual(check, { kind: "not-bound", reason: "wrong-user-id" });
    }
  }
});
