import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import { NOW, ownKey } from "../../test/support/openpgp-messages.ts";
import { seal } from "../pgpmime/seal.ts";
import { sealedBytes } from "./sealed-bytes.ts";

test("a sealed message is no larger than the next hop is asked to take, and about 1.9 times its attachment", async () => {
  const signer = await ownKey("alice@alpha.test", "compat");
  const readers = await Promise.all(
    Array.from({ length: 20 }, async (_, at) => ownKey(`b${String(at)}@beta.test`, "modern")),
  );
  const attachment = randomBytes(3_000_000);
  const message = Buffer.from(
    `From: alice@alpha.test\r\nTo: b0@beta.test\r\nSubject: x\r\nMIME-Version: 1.0\r\n` +
      `Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: base64\r\n\r\n` +
      attachment.toString("base64").replaceAll(/.{76}/g, "$&\r\n"),
  );
  const recipients = readers.map(({ certificate }) => certificate);
  const intended = recipients.map(({ fingerprint }) => fingerprint);
  const { length } = await seal({ message, signer, recipients, intended, now: NOW });
  assert(length <= sealedBytes({ messageBytes: message.length }), String(length));
  const growth = length / attachment.length;
  assert(growth > 1.8 && growth < 2, String(growth));
});
