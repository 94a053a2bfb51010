import type { Fingerprint, KeyId } from "./fingerprint.ts";
import type { UnlockedKey } from "./secret-key.ts";
import type { SignatureFacts } from "./verify.ts";

/** What decrypting came to. `reason` is for the log alone: a stranger must not learn how it failed. */
export type Decrypted =
  | {
      readonly kind: "decrypted";
      readonly data: Uint8Array;
      readonly signatures: readonly SignatureFacts[];
      /** The own key that opened it. */
      readonly keyFingerprint: Fingerprint;
    }
  | { readonly kind: "no-key"; readonly keyIds: readonly KeyId[] }
  | { readonly kind: "damaged"; readonly reason: string };

/** Decrypts an OpenPGP message, armored or binary. Nothing is released before the whole of it is authenticated. */
export async function decrypt(o: {
  readonly message: Uint8Array;
  readonly keys: readonly UnlockedKey[];
}): Promise<Decrypted> {
  void o;
  throw new Error("not written yet");
}
