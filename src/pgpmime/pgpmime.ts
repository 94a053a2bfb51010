/**
 * What a sealed message is made of: PGP/MIME (RFC 3156) with protected headers (RFC 9788). `seal` and `open` are the two
 * doors of this folder; `detect.ts` says by structure what a message is. Facts only: what they are worth is judged elsewhere.
 */
import { randomBytes } from "node:crypto";

import { asBuffer } from "../base/bytes.ts";
import type { EmailAddress } from "../mail/address.ts";
import {
  type Header,
  type HeaderField,
  makeField,
  parseHeader,
  serializeHeader,
} from "../mail/header.ts";
import { checkLineEnds } from "../mail/mail.ts";
import { armorMessage } from "../openpgp/packets/armor.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { signAndEncrypt } from "../openpgp/messages/encrypt.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import type { UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { makePayload } from "./payload.ts";
import { outerFields } from "./protected-headers.ts";
import { UnsealableMessage } from "./unsealable.ts";

/**
 * The message signed by `signer` and encrypted to `recipients`, as one multipart/encrypted (RFC 3156 §6.2). `intended` are
 * the readers that the signature names. Outside stands only what `hcp_baseline` leaves. The payload of a blind copy names
 * its reader in a protected Bcc field, which nobody else sees (RFC 5322 §3.6.3).
 * @throws UnsealableMessage when the message can be read in two ways, breaks RFC 5322's line ends, or is beyond our limits.
 */
export async function seal(o: {
  readonly message: Uint8Array;
  readonly signer: UnlockedKey;
  readonly recipients: readonly Certificate[];
  readonly intended: readonly Fingerprint[];
  readonly blindReader?: EmailAddress;
  /** Whether the subject stands once more in the text (RFC 9788 §2.1.2); by default it does. */
  readonly legacyDisplay?: boolean;
  /** A trace field that stands above all others outside (RFC 5321 §4.4). */
  readonly received?: HeaderField;
  readonly now: Date;
}): Promise<Uint8Array> {
  const lineEnds = checkLineEnds(o.message);
  if (lineEnds !== "ok") {
    throw new UnsealableMessage(`the message holds a ${lineEnds}`);
  }
  const data = makePayload(o.message, o.blindReader, o.legacyDisplay);
  const { signer, recipients, intended, now } = o;
  const ciphertext = await signAndEncrypt({ data, signer, recipients, intended, now });
  const fields = outerFields(parseHeader(o.message).header);
  return container(o.received === undefined ? fields : [o.received, ...fields], ciphertext);
}

/**
 * RFC 3156 §4: exactly two parts, and nothing in their fields that tells what is inside. `fields` are those of the message,
 * `ciphertext` is binary.
 */
export function container(fields: Header, ciphertext: Uint8Array): Uint8Array {
  const boundary = `=_${randomBytes(18).toString("hex")}`;
  const header = serializeHeader([
    ...fields,
    makeField("MIME-Version", "1.0"),
    makeField(
      "Content-Type",
      `multipart/encrypted; protocol="application/pgp-encrypted"; boundary="${boundary}"`,
    ),
  ]);
  const opening = [
    "",
    `--${boundary}`,
    "Content-Type: application/pgp-encrypted",
    "Content-Description: PGP/MIME version identification",
    "",
    "Version: 1",
    "",
    `--${boundary}`,
    'Content-Type: application/octet-stream; name="encrypted.asc"',
    'Content-Disposition: inline; filename="encrypted.asc"',
    "",
    "",
  ].join("\r\n");
  return armorMessage(ciphertext, {
    before: asBuffer(header).toString("latin1") + opening,
    after: `\r\n--${boundary}--\r\n`,
  });
}
