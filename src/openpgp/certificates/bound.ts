import type { KeySignature } from "../packets/key-signature.ts";

/** What the valid signatures of a component say: the newest binding, and its revocations, newest first. */
export type Bound = {
  readonly binding: KeySignature | undefined;
  readonly revocations: readonly KeySignature[];
  /** There is no binding but one with a hash that is too weak to be believed. */
  readonly isWeak: boolean;
  /** So many signatures had to be tried that a revocation may have been missed: treat as revoked. */
  readonly isUncertain: boolean;
};
