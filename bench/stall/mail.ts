/** Messages as large as the listeners take, of the kinds that people send. */
import { randomBytes } from "node:crypto";
import { createMessage, decryptKey, type PrivateKey, readPrivateKey, sign } from "openpgp";
import { sealpost } from "../../lab/run.ts";
import { systemClock } from "../../src/base/time.ts";
import { PASSWORD, READER } from "../../test/support/lone-server.ts";

/** A submission is at most 25 MiB; sealed, and with base64 around it, that is 35 MB. */
export const SUBMITTED_OCTETS = 25_500_000;
export const RECEIVED_OCTETS = 35_000_000;

const BOUNDARY = "=_stall";

/** A text with an attachment in base64, as mail programs send them. */
export function withAttachment(octets: number, subject: string): Buffer {
  return Buffer.concat([Buffer.from(headOf(subject)), entity(octets)]);
}

function headOf(subject: string): string {
  return [
    `From: ${READER}`,
    `To: ${READER}`,
    `Subject: ${subject}`,
    `Date: ${systemClock.now().toUTCString().replace("GMT", "+0000")}`,
    `Message-ID: <${randomBytes(8).toString("hex")}@stall.test>`,
    "MIME-Version: 1.0\r\n",
  ].join("\r\n");
}

/** A part with a text and an attachment, from its Content-Type on. */
function entity(octets: number): Buffer {
  const lines = Math.floor(octets / 78);
  const digits = randomBytes(lines * 57).toString("base64");
  const body: string[] = [];
  for (let at = 0; at < digits.length; at += 76) body.push(digits.slice(at, at + 76));
  return Buffer.from(
    [
      `Content-Type: multipart/mixed; boundary="${BOUNDARY}"`,
      "",
      `--${BOUNDARY}`,
      "Content-Type: text/plain; charset=utf-8",
      "",
      "The drawings.",
      `--${BOUNDARY}`,
      'Content-Type: application/octet-stream; name="drawings.zip"',
      'Content-Disposition: attachment; filename="drawings.zip"',
      "Content-Transfer-Encoding: base64",
      "",
      ...body,
      `--${BOUNDARY}--`,
      "",
    ].join("\r\n"),
  );
}

/** The same with a signature of the account's own key beside it (RFC 3156 §5). */
export async function signedInClear(octets: number, signer: PrivateKey): Promise<Buffer> {
  const signed = entity(octets);
  const message = await createMessage({ binary: new Uint8Array(signed) });
  const signature = await sign({ message, signingKeys: signer, detached: true, format: "armored" });
  const outer = `${BOUNDARY}-signed`;
  const type = `multipart/signed; micalg=pgp-sha512; protocol="application/pgp-signature"; boundary="${outer}"`;
  return Buffer.concat([
    Buffer.from(`${headOf("signed in clear")}Content-Type: ${type}\r\n\r\n--${outer}\r\n`),
    signed,
    Buffer.from(
      `\r\n--${outer}\r\nContent-Type: application/pgp-signature\r\n\r\n${signature.replaceAll(/\r?\n/g, "\r\n")}\r\n--${outer}--\r\n`,
    ),
  ]);
}

/** The account's secret key. */
export async function ownKey(config: string): Promise<PrivateKey> {
  const passphrase = "of the export";
  const armored = await sealpost(config, ["key", "export", READER, "--secret"], {
    input: `${PASSWORD}\n${passphrase}\n`,
  });
  const privateKey = await readPrivateKey({ armoredKey: armored.toString() });
  return decryptKey({ privateKey, passphrase });
}
