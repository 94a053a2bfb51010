import type { MalformedReason } from "./certificate.ts";
import type { UnusableReason } from "./judged.ts";

/** Why a certificate that a user brings along is not taken. */
export type CertificateRefusal =
  | "malformed"
  | "too-large"
  | "not-one-key"
  /** A secret key stands where a certificate belongs. */
  | "secret-key"
  | "expired"
  | "revoked"
  | "not-yet-valid"
  | "no-encryption-key"
  | "no-signing-key"
  | "weak-algorithm"
  | "unsupported-algorithm"
  | "wrong-user-id"
  | "bad-self-signature"
  | "unsupported-version";

/** Why a secret key that a user brings along is not taken. */
export type ImportRefusal =
  | Exclude<CertificateRefusal, "secret-key">
  /** A certificate alone, or a key whose secrets stayed on a card or on another computer. */
  | "no-secret-part"
  | "passphrase-needed"
  | "wrong-passphrase"
  /** Deriving the key from the passphrase would take more time or memory than we give. */
  | "costly-protection"
  /** Locked in a way that is out of date or that we do not know. */
  | "unsupported-protection"
  /** A secret does not belong to its public key. */
  | "mismatched-parts";

/** The word for a certificate that acceptance does not take. */
export function refusalOfUnusable(
  reason: UnusableReason,
): Exclude<CertificateRefusal, "secret-key"> {
  return reason === "unparsable" ? "malformed" : reason;
}

/** The word for what cannot be read as certificates. */
export function refusalOfMalformed(reason: MalformedReason): CertificateRefusal {
  switch (reason) {
    case "secret-key":
    case "too-large":
    case "unsupported-version":
      return reason;
    case "too-many-packets":
      return "too-large";
    case "too-many-certificates":
      return "not-one-key";
    case "html":
    case "no-certificate":
    case "bad-armor":
    case "truncated":
    case "unexpected-packet":
      return "malformed";
  }
}

/** What a refusal means and what to do about it, for somebody who never heard of OpenPGP. */
export function explainRefusal(reason: ImportRefusal | CertificateRefusal): string {
  return EXPLANATIONS[reason];
}

const EXPLANATIONS: Readonly<Record<ImportRefusal | CertificateRefusal, string>> = {
  malformed:
    "This file is not a key, or it is damaged. Export the key again from the program you use it with, and upload that file as it is.",
  "too-large":
    "This file is larger than a key should be, often because other people's signatures are part of it. Export the key again in its smallest form (in GnuPG: --export-options export-minimal).",
  "not-one-key":
    "This file has several keys in it. Export only the key of this address, and upload that file.",
  "secret-key":
    "This file has your secret key in it, which was not wanted here and has not been kept. Export the public key and upload that, or choose to hand over the secret key if the server is to use it.",
  "no-secret-part":
    "The secret half of the key, or a part of it, is missing: this is a public key, or the secret is kept on a card or on another computer. Export the whole secret key where it is kept, or upload the public key and keep the secret one yourself.",
  "passphrase-needed": "This key is locked. Enter its passphrase as well.",
  "wrong-passphrase":
    "The passphrase does not open this key. Check it and try again; it is the key's own passphrase, which need not be that of your mail.",
  "costly-protection":
    "Opening this key with its passphrase takes more memory or time than is given here: at most 128 MiB, while some programs ask for 2 GiB (Argon2 in the first setting that its standard recommends). Set its passphrase again with another setting or program, export it and upload that file.",
  "unsupported-protection":
    "The key is locked in a way that is out of date. Set its passphrase again with a current program, export it and upload that file.",
  "mismatched-parts":
    "The secret half and the public half in this file do not belong together. The file is damaged or was tampered with: export the key again from a place you trust.",
  expired:
    "The time for which this key is valid is over. Extend it in the program you use it with, export it again and upload that file.",
  revoked:
    "This key has been declared invalid by its owner and must not be used any more. Make a new key.",
  "not-yet-valid":
    "This key says that it was made in the future. Check the clock of the computer it comes from, and make its signatures or the key again.",
  "no-encryption-key":
    "Nothing can be encrypted for this key: it has no valid part for that. Add one in the program you use it with (an encryption subkey), and export it again.",
  "no-signing-key":
    "Nothing can be signed with this key: it has no valid part for that. Add one in the program you use it with (a signing subkey), and export it again.",
  "weak-algorithm":
    "This key, or the signature by which it names its owner (SHA-1), is of a kind that is too weak; RSA keys need 3072 bits. Sign it again with a current program, make a new key, or let the server make one.",
  "unsupported-algorithm":
    "This key is of a kind that is not supported here, such as a post-quantum one. Make a key of an ordinary kind (Ed25519 and X25519), or let the server make one.",
  "wrong-user-id":
    "This key is not for this address: the address must stand in it as the only one of one of its names. Add it in the program you use the key with, and export it again.",
  "bad-self-signature":
    "The key's own signatures are missing, damaged or made in an outdated way. Extend the key in a current program, which signs it anew, and export it again.",
  "unsupported-version":
    "This key is of a version that is not supported. Make a new key with a current program, or let the server make one.",
};
