import { type PrivateKey, readPrivateKey } from "openpgp";
import { certificateConfig } from "../../src/openpgp/certificates/profile.ts";
import type { UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";

/** A key as OpenPGP.js has it, to compare with what the library does. */
export async function readByLibrary(key: UnlockedKey): Promise<PrivateKey> {
  using raw = key.secretBytes();
  return readPrivateKey({ binaryKey: Uint8Array.from(raw.reveal()), config: certificateConfig });
}
