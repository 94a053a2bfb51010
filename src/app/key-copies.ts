import { Secret } from "../base/secret.ts";
import { readSecretKey, type UnlockedKey } from "../openpgp/keys/secret-key.ts";

/** Copies of secret keys for another thread or process. Who gets them wipes them; when one cannot be made none is left. */
export function copiesOf(keys: readonly UnlockedKey[]): readonly Uint8Array[] {
  const copies: Uint8Array[] = [];
  try {
    for (const key of keys) copies.push(key.copyOctets());
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

/** The keys in copies that came here; all are wiped with `held`, also those behind one that cannot be read. */
export async function keysIn(
  copies: readonly Uint8Array[],
  held: DisposableStack,
): Promise<readonly UnlockedKey[]> {
  const secrets = copies.map((copy) => held.use(new Secret(copy)));
  const keys: UnlockedKey[] = [];
  for (const secret of secrets) keys.push(held.use(await readSecretKey(secret)));
  return keys;
}
