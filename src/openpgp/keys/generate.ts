import { domainToUnicode } from "node:url";
import { generateKey as generate } from "openpgp";

import { AppError } from "../../base/errors.ts";
import { Secret } from "../../base/secret.ts";
import { DAY, MINUTE, SECOND, after } from "../../base/time.ts";
import { type EmailAddress, formatAddress, isAscii } from "../../mail/address.ts";
import { type Certificate, parseCertificates } from "../certificates/certificate.ts";
import { type KeyProfile, generationConfig } from "../certificates/profile.ts";
import { wipeSecrets } from "./lock-for-export.ts";
import { genericRevocationFor } from "./revocation.ts";
import { readSecretKey } from "./secret-key.ts";

/** A key that was just made. The generic revocation must be kept wrapped before the certificate is published. */
export type GeneratedKey = {
  /** Raw, unlocked, binary transferable secret key; the caller disposes it. */
  readonly secretKey: Secret;
  readonly certificate: Certificate;
  /** Binary revocation signature of reason 0: applied, it makes every signature ever made invalid. */
  readonly genericRevocation: Uint8Array;
};

/** How long a new key is valid, and one whose life is extended. */
export const LIFETIME_MS = 3 * 365 * DAY;

/**
 * Makes a key pair of a profile, valid for 3 years, whose only user ID is the bare address. It is dated a minute
 * back, for recipients whose clock is behind.
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
    userIDs: { name: userIdFor(options.address) },
    ...(options.profile === "modern"
      ? { type: "curve25519" as const }
      : { type: "ecc" as const, curve: "curve25519Legacy" as const }),
    keyExpirationTime: LIFETIME_MS / SECOND,
    date,
    format: "object",
    config,
  });
  try {
    const parsed = await parseCertificates(privateKey.toPublic().write());
    const certificate = parsed.kind === "parsed" ? parsed.certificates[0] : undefined;
    if (certificate === undefined) {
      throw new AppError("a new key cannot be read", { temporary: false });
    }
    const secretKey = new Secret(privateKey.write());
    using key = await readSecretKey(secretKey);
    const genericRevocation = await genericRevocationFor(key, options.now);
    return { secretKey, certificate, genericRevocation };
  } finally {
    wipeSecrets(privateKey);
  }
}

/** The address alone; with U-labels when it is internationalised anyhow (RFC 6531 §3.3). */
function userIdFor(address: EmailAddress): string {
  const text = formatAddress(address);
  if (isAscii(address)) return text;
  return `${text.slice(0, text.lastIndexOf("@"))}@${domainToUnicode(address.domain)}`;
}
