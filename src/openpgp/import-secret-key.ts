import { AppError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { Certificate } from "./certificate.ts";
import type { ImportRefusal } from "./import-refusal.ts";

export { type ImportRefusal, explainRefusal } from "./import-refusal.ts";

/** What becomes of a secret key that a user brings along. */
export type ImportedSecretKey =
  | {
      readonly kind: "importable";
      /** Raw, unlocked, binary transferable secret key; the caller disposes it. */
      readonly secretKey: Secret;
      /** What is to be published: one user ID, which is the address, and what is usable. */
      readonly certificate: Certificate;
      /** Binary revocation signature of reason 0, to be kept wrapped before the certificate is published. */
      readonly genericRevocation: Uint8Array;
      readonly expires: Date | undefined;
    }
  | { readonly kind: "refused"; readonly reason: ImportRefusal };

/** Reads, judges, unlocks and proves a secret key. */
export async function importSecretKey(_o: {
  readonly bytes: Uint8Array;
  readonly passphrase: Secret | undefined;
  readonly address: EmailAddress;
  readonly now: Date;
}): Promise<ImportedSecretKey> {
  return Promise.reject(new AppError("not built yet", { temporary: false }));
}
