/** Key files as mail programs, editors and web forms leave them: certificates, secret keys and revocations alike. */
import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ADA,
  NOW,
  USER,
  armored,
  imported,
  libraryKey,
} from "../../../test/support/secret-keys.ts";
import { armorSignature } from "../../../test/support/signatures.ts";
import { DAY, after } from "../../base/time.ts";
import { parseCertificates } from "../certificates/certificate.ts";
import { importCertificate } from "../certificates/import-certificate.ts";
import { KEY_REVOCATIONS, bareRevocations } from "../certificates/merge-revocations.ts";
import { applyRevocation } from "../keys/revocation.ts";
import { readDetachedSignatures } from "../messages/signature-facts.ts";
import { packet } from "../packets/packet.ts";

const MADE = after(NOW, -50 * DAY);
const secret = await libraryKey({ user: USER, date: MADE });
const result = await imported(secret, { address: ADA, now: NOW });
assert(result.kind === "importable");
const { certificate, genericRevocation } = result;

/** What becomes of a text on its way. */
const FORMS: Readonly<Record<string, (armor: string) => Buffer>> = {
  "as it was written": (armor) => Buffer.from(armor),
  "with a byte order mark": (armor) => Buffer.from(`\ufeff${armor}`),
  "in UTF-16": (armor) => Buffer.from(armor, "utf16le"),
  "in UTF-16 with a mark": (armor) => Buffer.from(`\ufeff${armor}`, "utf16le"),
  "in UTF-16, the high octet first": (armor) => Buffer.from(`\ufeff${armor}`, "utf16le").swap16(),
  "with a header and no empty line": (armor) =>
    Buffer.from(armor.replace(/-----\r?\n\r?\n/, "-----\r\nVersion: BCPG C# v1.6\r\n")),
  "with an empty line before its header": (armor) =>
    Buffer.from(armor.replace(/-----\r?\n\r?\n/, "-----\r\n\r\nComment: x\r\n\r\n")),
  indented: (armor) => Buffer.from(armor.replaceAll(/^/gm, "    ")),
  "with many empty lines": (armor) => Buffer.from(armor.replaceAll("\n", "\n\n\n")),
  "on one line": (armor) => Buffer.from(armor.replaceAll(/\r?\n/g, " ")),
  "on one line with a header": (armor) =>
    Buffer.from(
      armor.replace(/-----\r?\n/, "-----\nVersion: GnuPG v2\n").replaceAll(/\r?\n/g, " "),
    ),
  "with line ends as two characters": (armor) => Buffer.from(armor.replaceAll(/\r?\n/g, "\\n")),
};

for (const [name, form] of Object.entries(FORMS)) {
  test(`a key file ${name} is read, whatever it holds`, async () => {
    const secretFile = form(armored(secret).toString());
    const taken = await imported(secretFile, { address: ADA, now: NOW });
    assert.equal(taken.kind, "importable", JSON.stringify(taken));
    const publicFile = form(armored(certificate.bytes, "PUBLIC KEY BLOCK").toString());
    const parsed = await parseCertificates(publicFile);
    assert(parsed.kind === "parsed", JSON.stringify(parsed));
    assert.equal(parsed.certificates[0]?.fingerprint, certificate.fingerprint);
    const brought = await importCertificate({ bytes: publicFile, address: ADA, now: NOW });
    assert.equal(brought.kind, "importable", JSON.stringify(brought));
    const revoked = await applyRevocation(certificate, genericRevocation);
    assert(revoked);
    const signature = Buffer.from(armorSignature(packet(2, signatureIn(genericRevocation))));
    const file = form(signature.toString());
    assert.equal(bareRevocations(file, KEY_REVOCATIONS)?.length, 1);
    assert.equal(readDetachedSignatures(file)?.length, 1);
  });
}

/** The body of the one signature packet in a revocation. */
function signatureIn(revocation: Uint8Array): Uint8Array {
  const [facts] = readDetachedSignatures(revocation) ?? [];
  assert(facts);
  return facts.packet;
}
