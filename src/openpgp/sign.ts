import type { Fingerprint } from "./fingerprint.ts";
import type { UnlockedKey } from "./secret-key.ts";

/** A detached binary signature (RFC 9580 §5.2.1.1) over `data`: a binary signature packet. */
export async function signDetached(o: {
  readonly data: Uint8Array;
  readonly signer: UnlockedKey;
  readonly intended: readonly Fingerprint[];
  readonly now: Date;
}): Promise<Uint8Array> {
  void o;
  throw new Error("not written yet");
}
