import { type PrivateKey, encryptKey, readPrivateKeys } from "openpgp";

import type { Secret } from "../../base/secret.ts";
import { certificateConfig, exportConfig } from "../certificates/profile.ts";
import type { UnlockedKey } from "./secret-key.ts";

/**
 * The secret key locked with a passphrase for other software: usage 254, AES-256 and SHA-1 check, iterated and salted
 * S2K, which GnuPG 2.2 reads (RFC 9580 §3.7.2.1). Binary transferable secret key.
 */
export async function lockForExport(key: UnlockedKey, passphrase: Secret): Promise<Uint8Array> {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(passphrase.reveal());
  using raw = key.secretBytes();
  const privateKey = await readOne(raw.reveal());
  try {
    const locked = await encryptKey({ privateKey, passphrase: text, config: exportConfig });
    return locked.write();
  } finally {
    wipeSecrets(privateKey);
  }
}

async function readOne(binaryKeys: Uint8Array): Promise<PrivateKey> {
  const keys = await readPrivateKeys({ binaryKeys, config: certificateConfig });
  const [key] = keys;
  if (key === undefined || keys.length !== 1) throw new Error("not exactly one secret key");
  for (const { keyPacket } of key.getKeys()) {
    if (keyPacket.isDecrypted() !== true) throw new Error("a locked or missing secret");
  }
  return key;
}

/** Overwrites the secret parts of a key of the library. */
export function wipeSecrets(key: PrivateKey): void {
  for (const { keyPacket } of key.getKeys()) {
    const parameters = "privateParams" in keyPacket ? keyPacket.privateParams : undefined;
    for (const value of Object.values(parameters ?? {})) {
      if (value instanceof Uint8Array) value.fill(0);
    }
  }
}
