import type { Certificate } from "./certificate.ts";
import type { Fingerprint, KeyId } from "./fingerprint.ts";

/** What a signature of a message says about itself (RFC 9580 §5.2). Nothing in it is proven before `verifySignature`. */
export type SignatureFacts = {
  readonly issuer: Fingerprint | undefined;
  readonly issuerKeyId: KeyId | undefined;
  readonly created: Date | undefined;
  /** Undefined: the signature does not expire. */
  readonly expires: Date | undefined;
  /** The hash as in `micalg`: `sha512`; `unknown` when it cannot be read. */
  readonly hash: string;
  /** Intended Recipient Fingerprints (RFC 9580 §5.2.3.36), from the hashed area alone. */
  readonly intended: readonly Fingerprint[];
  /** A hash that is refused for messages, or a signature that cannot be read. */
  readonly isWeak: boolean;
  /** The body of the signature packet. */
  readonly packet: Uint8Array;
};

/** What checking a signature came to. */
export type SignatureCheck =
  | { readonly kind: "valid"; readonly keyFingerprint: Fingerprint }
  | { readonly kind: "invalid"; readonly reason: string };

/**
 * Checks the mathematics of a signature and the rules of its packet. Whether the key was good for the sender's address
 * at that time is `checkSigner`'s question.
 */
export async function verifySignature(o: {
  readonly data: Uint8Array;
  readonly signature: SignatureFacts;
  readonly certificate: Certificate;
  readonly now?: Date;
}): Promise<SignatureCheck> {
  void o;
  throw new Error("not written yet");
}

/** The signatures of a detached signature, armored or binary; undefined when it is malformed. */
export function readDetachedSignatures(bytes: Uint8Array): readonly SignatureFacts[] | undefined {
  void bytes;
  throw new Error("not written yet");
}
