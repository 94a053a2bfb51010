/**
 * PGP/MIME (RFC 3156) with protected header fields (RFC 9788): what a sealed message is made of.
 *
 *     multipart/encrypted
 *       application/pgp-encrypted    "Version: 1"
 *       application/octet-stream     one OpenPGP message, armored
 *         the payload                the whole MIME entity, with To, Subject, Date, … in its own header
 *           a signature over it      inside the OpenPGP message
 *
 * The outer header holds only what delivery needs; the subject is "[...]". The reader's program shows the payload's header,
 * because only the payload is signed. For programs that do not know RFC 9788 the subject stands once more in the text
 * (`legacy-display.ts`).
 *
 * `open` is here, `seal.ts` has the way there. `detect.ts` says by structure what a message is. All of them give facts: what the facts are
 * worth is judged in `incoming/`.
 */
import { contentTypeOf } from "../mail/content-type.ts";
import { parseHeader } from "../mail/header.ts";
import { checkLineEnds, toCrlf } from "../mail/mail.ts";
import type { UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { decrypt } from "../openpgp/messages/decrypt.ts";
import type { SignatureFacts } from "../openpgp/messages/signature-facts.ts";
import type { Fingerprint, KeyId } from "../openpgp/packets/fingerprint.ts";
import { detectProtection } from "./detect.ts";

/** What opening a message came to: facts, nothing of which is yet believed. */
export type Opened =
  | {
      readonly kind: "opened";
      /** The MIME entity that the signatures cover, byte for byte. */
      readonly payload: Uint8Array;
      readonly signatures: readonly SignatureFacts[];
      /** The own key that opened it. */
      readonly keyFingerprint: Fingerprint;
    }
  | { readonly kind: "no-key"; readonly keyIds: readonly KeyId[] }
  /** In a form that we do not read; its name is for the reader. */
  | { readonly kind: "unsupported"; readonly form: string }
  /** `reason` is for the log alone: to a stranger all failures look alike (THREAT_MODEL.md G8). */
  | { readonly kind: "damaged"; readonly reason: string }
  | { readonly kind: "not-sealed" };

/** Decrypts a message that is sealed as a whole. Nothing is released unless all is intact (THREAT_MODEL.md G2). */
export async function open(o: {
  readonly message: Uint8Array;
  readonly keys: readonly UnlockedKey[];
}): Promise<Opened> {
  const protection = detectProtection(o.message);
  if (protection.kind !== "sealed") return { kind: "not-sealed" };
  const decrypted = await decrypt({ message: protection.ciphertext, keys: o.keys });
  if (decrypted.kind !== "decrypted") return decrypted;
  if (!parseHeader(decrypted.data).isWhole) {
    return { kind: "unsupported", form: "a header that is too large" };
  }
  const { payload, signatures } = signedPayload(decrypted.data, decrypted.signatures);
  const { keyFingerprint } = decrypted;
  return { kind: "opened", payload, signatures, keyFingerprint };
}

/** RFC 3156 §6.1: the signature may be a multipart/signed directly inside instead of in the OpenPGP message. */
function signedPayload(
  data: Uint8Array,
  signatures: readonly SignatureFacts[],
): { readonly payload: Uint8Array; readonly signatures: readonly SignatureFacts[] } {
  const { type, subtype } = contentTypeOf(parseHeader(data).header);
  if (signatures.length > 0 || type !== "multipart" || subtype !== "signed") {
    return { payload: data, signatures };
  }
  // Made over CRLF (RFC 3156 §5), whatever line ends the encrypting program left.
  const inner = detectProtection(checkLineEnds(data) === "bare-lf" ? toCrlf(data) : data);
  return inner.kind === "signed" && inner.signatures.length > 0
    ? { payload: inner.signedBytes, signatures: inner.signatures }
    : { payload: data, signatures };
}
