import { type PrivateKey, encryptKey, readPrivateKeys } from "openpgp";

import { AppError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { type Certificate, parseCertificates } from "./certificate.ts";
import type { Fingerprint } from "./fingerprint.ts";
import { certificateConfig, exportConfig } from "./profile.ts";

/** A secret key that may be used: it holds the raw transferable secret key and is wiped on dispose. */
export class UnlockedKey implements Disposable {
  readonly certificate: Certificate;
  readonly #raw: Secret;
  readonly #key: PrivateKey;

  /** Takes `raw` over. Only `readSecretKey` makes one. */
  constructor(certificate: Certificate, raw: Secret, key: PrivateKey) {
    this.certificate = certificate;
    this.#raw = raw;
    this.#key = key;
  }

  get fingerprint(): Fingerprint {
    return this.certificate.fingerprint;
  }

  /** A copy of the raw transferable secret key, to be wrapped. @throws Error after dispose. */
  secretBytes(): Secret {
    return this.#raw.clone();
  }

  /** The library's key, for `openpgp/` alone. @throws Error after dispose. */
  key(): PrivateKey {
    this.#raw.reveal();
    return this.#key;
  }

  [Symbol.dispose](): void {
    wipeSecrets(this.#key);
    this.#raw[Symbol.dispose]();
  }
}

/**
 * Reads a raw, unlocked, binary transferable secret key (RFC 9580 §10.2). `raw` stays the caller's.
 * @throws AppError when it is anything else: our own keys come out of authenticated storage.
 */
export async function readSecretKey(raw: Secret): Promise<UnlockedKey> {
  const own = raw.clone();
  try {
    const key = await readOne(own.reveal());
    const parsed = await parseCertificates(key.toPublic().write());
    const certificate = parsed.kind === "parsed" ? parsed.certificates[0] : undefined;
    if (certificate === undefined) throw new Error("its public part cannot be read");
    return new UnlockedKey(certificate, own, key);
  } catch (cause) {
    own[Symbol.dispose]();
    throw new AppError("a stored secret key cannot be read", { temporary: false, cause });
  }
}

/**
 * The secret key locked with a passphrase for other software: usage 254, AES-256 and SHA-1 check, iterated and salted
 * S2K, which GnuPG 2.2 reads (RFC 9580 §3.7.2.1). Binary transferable secret key.
 */
export async function lockForExport(key: UnlockedKey, passphrase: Secret): Promise<Uint8Array> {
  const text = new TextDecoder("utf-8", { fatal: true }).decode(passphrase.reveal());
  const locked = await encryptKey({
    privateKey: key.key(),
    passphrase: text,
    config: exportConfig,
  });
  return locked.write();
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
