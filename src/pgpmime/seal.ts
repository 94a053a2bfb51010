/**
 * Sealing: a message becomes a signed and encrypted one. It is done at once where every recipient's key is known. Else the
 * message is signed while the sender's key is open (`sign`), kept, and encrypted when the keys are known (`encrypt`). Both
 * ways make the same message, but that one that was signed early names no intended recipient in its signature.
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
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import type { UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { encryptSigned, signAndEncrypt } from "../openpgp/messages/encrypt.ts";
import { signMessage } from "../openpgp/messages/plain.ts";
import { armorMessage } from "../openpgp/packets/armor.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import { makePayload } from "./payload.ts";
import { outerFields } from "./protected-headers.ts";
import { UnsealableMessage } from "./unsealable.ts";

/** A message as it is signed. */
export type ToSign = {
  readonly message: Uint8Array;
  /** The reader of a blind copy. A protected Bcc field names them, which nobody else sees (RFC 5322 §3.6.3). */
  readonly blindReader?: EmailAddress | undefined;
  /** Whether the subject stands once more in the text (RFC 9788 §2.1.2); by default it does. */
  readonly legacyDisplay?: boolean;
  readonly now: Date;
};

/** Whom a message is encrypted to, and what stands above all its other fields outside (RFC 5321 §4.4). */
export type ToEncrypt = {
  readonly recipients: readonly Certificate[];
  readonly received?: HeaderField;
  readonly now: Date;
};

/**
 * The message signed by `signer` and encrypted to `recipients`, as one multipart/encrypted (RFC 3156 §6.2). `intended` are
 * the readers that the signature names. Outside stands only what `hcp_baseline` leaves.
 * @throws UnsealableMessage when the message can be read in two ways, breaks RFC 5322's line ends, or is beyond our limits.
 */
export async function seal(
  o: ToSign &
    ToEncrypt & { readonly signer: UnlockedKey; readonly intended: readonly Fingerprint[] },
): Promise<Uint8Array> {
  const { signer, recipients, intended, now } = o;
  const data = payloadOf(o);
  const ciphertext = await signAndEncrypt({ data, signer, recipients, intended, now });
  return withOuterFields(o, ciphertext);
}

/**
 * The first half of `seal`: the payload as a signed OpenPGP message, binary and not encrypted.
 * @throws UnsealableMessage as `seal`
 */
export async function sign(o: ToSign & { readonly signer: UnlockedKey }): Promise<Uint8Array> {
  return signMessage({ data: payloadOf(o), signer: o.signer, now: o.now });
}

/** The second half of `seal`. `message` is the one that was signed, and gives the fields outside. */
export async function encrypt(
  o: ToEncrypt & { readonly message: Uint8Array; readonly signed: Uint8Array },
): Promise<Uint8Array> {
  return withOuterFields(o, await encryptSigned(o));
}

function payloadOf({ message, blindReader, legacyDisplay }: ToSign): Uint8Array {
  const lineEnds = checkLineEnds(message);
  if (lineEnds !== "ok") throw new UnsealableMessage(`the message holds a ${lineEnds}`);
  return makePayload(message, blindReader, legacyDisplay);
}

function withOuterFields(
  { message, received }: Pick<ToEncrypt, "received"> & { readonly message: Uint8Array },
  ciphertext: Uint8Array,
): Uint8Array {
  const fields = outerFields(parseHeader(message).header);
  return container(received === undefined ? fields : [received, ...fields], ciphertext);
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
