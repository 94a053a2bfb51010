import { type PrivateKey, enums, generateKey as generate } from "openpgp";

import { AppError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { DAY, MINUTE, SECOND, after } from "../base/time.ts";
import { type EmailAddress, formatAddress } from "../mail/address.ts";
import { type Certificate, parseCertificates } from "./certificate.ts";
import { type KeyProfile, generationConfig } from "./profile.ts";

/** A key that was just made. The generic revocation must be kept wrapped before the certificate is published (D6). */
export type GeneratedKey = {
  /** Raw, unlocked, binary transferable secret key; the caller disposes it. */
  readonly secretKey: Secret;
  readonly certificate: Certificate;
  /** Binary revocation signature of reason 0: applied, it makes every signature ever made invalid. */
  readonly genericRevocation: Uint8Array;
};

const LIFETIME_SECONDS = (3 * 365 * DAY) / SECOND;

/**
 * Makes a key pair of a profile, valid for 3 years, whose only user ID is the bare address (C14). It is dated a minute
 * back, for recipients whose clock is behind (C45).
 */
export async function generateKey(options: {
  readonly address: EmailAddress;
  readonly profile: KeyProfile;
  readonly now: Date;
}): Promise<GeneratedKey> {
  const date = after(options.now, -MINUTE);
  const config = generationConfig(options.profile);
  const { privateKey } = await generate({
    // `name` alone is written without angle brackets.
    userIDs: { name: formatAddress(options.address) },
    ...(options.profile === "modern"
      ? { type: "curve25519" as const }
      : { type: "ecc" as const, curve: "curve25519Legacy" as const }),
    keyExpirationTime: LIFETIME_SECONDS,
    date,
    format: "object",
    config,
  });
  const parsed = await parseCertificates(privateKey.toPublic().write());
  const certificate = parsed.kind === "parsed" ? parsed.certificates[0] : undefined;
  if (certificate === undefined) {
    throw new AppError("a new certificate cannot be read", { temporary: false });
  }
  const genericRevocation = await genericRevocationOf(privateKey, date, options.profile);
  return { secretKey: new Secret(privateKey.write()), certificate, genericRevocation };
}

/** The escrowed revocation of RFC 9580 §13.9; the library's own has no text. */
async function genericRevocationOf(
  key: PrivateKey,
  date: Date,
  profile: KeyProfile,
): Promise<Uint8Array> {
  const revoked = await key.revoke(
    { flag: enums.reasonForRevocation.noReason, string: "escrowed at generation" },
    date,
    generationConfig(profile),
  );
  return signaturePacket(revoked.revocationSignatures[0]?.write());
}

function signaturePacket(body: Uint8Array | undefined): Uint8Array {
  if (body === undefined) throw new AppError("a key made no revocation", { temporary: false });
  // New format header of packet type 2 (RFC 9580 §4.2.1); the body is far below 8,384 octets.
  const length =
    body.length < 192
      ? [body.length]
      : [192 + ((body.length - 192) >> 8), (body.length - 192) & 0xff];
  return Uint8Array.from([0xc2, ...length, ...body]);
}
