import type { Certificate } from "./certificate.ts";
import type { Fingerprint } from "./fingerprint.ts";
import type { UnlockedKey } from "./secret-key.ts";

/**
 * Signs and encrypts: a binary OpenPGP message.
 * `recipients` are accepted and reduced; `intended` goes into the signature for each named recipient.
 */
export async function signAndEncrypt(o: {
  readonly data: Uint8Array;
  readonly signer: UnlockedKey;
  readonly recipients: readonly Certificate[];
  readonly intended: readonly Fingerprint[];
  readonly now: Date;
}): Promise<Uint8Array> {
  void o;
  throw new Error("not written yet");
}

/** Encrypts without a signature, for the mailbox at rest and the queue alone, never for mail that leaves (R2). */
export async function encryptAtRest(o: {
  readonly data: Uint8Array;
  readonly recipients: readonly Certificate[];
  readonly now: Date;
}): Promise<Uint8Array> {
  void o;
  throw new Error("not written yet");
}
