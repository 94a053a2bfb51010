import type { UnlockedKey } from "../openpgp/secret-key.ts";

/** Copies of secret keys for another thread or process. Who gets them wipes them; when one cannot be made none is left. */
export function copiesOf(keys: readonly UnlockedKey[]): readonly Uint8Array[] {
  const copies: Uint8Array[] = [];
  try {
    for (const key of keys) {
      using secret = key.secretBytes();
      copies.push(Uint8Array.from(secret.reveal()));
    }
    return copies;
  } catch (error) {
    wipeCopies(copies);
    throw error;
  }
}

/** Wipes copies that were not given away. */
export function wipeCopies(copies: readonly Uint8Array[]): void {
  // One that was transferred has no octets here any more.
  for (const copy of copies) if (copy.length > 0) copy.fill(0);
}
