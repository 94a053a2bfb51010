import { createSecretKey, hkdfSync, type KeyObject } from "node:crypto";

import { AppError } from "../../base/errors.ts";
import { fixedCopy, Secret } from "../../base/secret.ts";
import { type Certificate, parseCertificates } from "../certificates/certificate.ts";
import { type CertificateParts, serializeParts } from "../packets/certificate-parts.ts";
import type { Fingerprint } from "../packets/fingerprint.ts";
import {
  type TransferableSecretKey,
  readTransferableSecretKey,
} from "./transferable-secret-key.ts";

/**
 * A secret key that may be used: it holds the raw transferable secret key and is wiped on dispose. No number of it is read
 * before a key is used, so that the process that keeps it has one copy of its octets. From the first use on OpenSSL's
 * object of the number is kept too, and let go on dispose.
 */
export class UnlockedKey implements Disposable {
  readonly certificate: Certificate;
  readonly #raw: Secret;
  readonly #objects = new Map<object, KeyObject>();
  #ends: Set<() => void> | undefined = new Set();

  /** Takes `raw` over. Only `readSecretKey` makes one. */
  constructor(certificate: Certificate, raw: Secret) {
    this.certificate = certificate;
    this.#raw = raw;
  }

  get fingerprint(): Fingerprint {
    return this.certificate.fingerprint;
  }

  /** A copy of the raw transferable secret key, to be wrapped. @throws Error after dispose. */
  secretBytes(): Secret {
    return this.#raw.clone();
  }

  /** The same for another thread or process, which wipes it. @throws Error after dispose. */
  copyOctets(): Uint8Array<ArrayBuffer> {
    return fixedCopy(this.#raw.reveal());
  }

  /**
   * A secret of 32 octets for another purpose, made of the secret number of the primary key (HKDF-SHA256, RFC 5869). It
   * stays the same as long as the key does, whatever becomes of its certificate. @throws Error after dispose.
   */
  derive(purpose: string): Secret {
    return derivedSecret(this.#raw.reveal(), purpose);
  }

  /** OpenSSL's object for one of the numbers, named by what is public of it; made at the first use. @throws Error after dispose. */
  objectOf(publicPart: object, make: () => KeyObject): KeyObject {
    this.#raw.reveal();
    const object = this.#objects.get(publicPart) ?? make();
    this.#objects.set(publicPart, object);
    return object;
  }

  /** Calls `act` once, on dispose, or at once after it: for callers that keep something of this key. */
  whenDisposed(act: () => void): void {
    if (this.#ends === undefined) act();
    else this.#ends.add(act);
  }

  [Symbol.dispose](): void {
    this.#raw[Symbol.dispose]();
    this.#objects.clear();
    const ends = this.#ends ?? [];
    this.#ends = undefined;
    for (const act of ends) act();
  }
}

/**
 * Reads a raw, unlocked, binary transferable secret key (RFC 9580 §10.2). `raw` stays the caller's, and is not needed once
 * this has returned its promise.
 * @throws AppError when it is anything else: our own keys come out of authenticated storage.
 */
export async function readSecretKey(raw: Secret): Promise<UnlockedKey> {
  const own = raw.clone();
  try {
    return new UnlockedKey(await certificateOf(own.reveal()), own);
  } catch (cause) {
    own[Symbol.dispose]();
    throw new AppError("a stored secret key cannot be read", { temporary: false, cause });
  }
}

const DERIVED_OCTETS = 32;

function derivedSecret(raw: Uint8Array, purpose: string): Secret {
  const key = readTransferableSecretKey(raw);
  const number = typeof key === "string" ? undefined : key.secretFor(key.parts.primary.body);
  if (number === undefined) throw new Error("a stored secret key cannot be read");
  const from = createSecretKey(number.secret);
  const salt = new Uint8Array();
  return new Secret(
    new Uint8Array(hkdfSync("sha256", from, salt, `sealpost ${purpose}`, DERIVED_OCTETS)),
  );
}

async function certificateOf(bytes: Uint8Array): Promise<Certificate> {
  const key = readTransferableSecretKey(bytes);
  if (typeof key === "string") throw new Error(key);
  if (!isUnlocked(key)) throw new Error("a locked or missing secret");
  const parsed = await parseCertificates(serializeParts(key.parts));
  const certificate = parsed.kind === "parsed" ? parsed.certificates[0] : undefined;
  if (certificate === undefined) throw new Error("its public part cannot be read");
  return certificate;
}

/** The first octet of a secret part says how it is locked; 0: not at all (RFC 9580 §5.5.3). */
function isUnlocked({ parts, secretFor }: TransferableSecretKey): boolean {
  const { primary, subkeys }: CertificateParts = parts;
  return [primary, ...subkeys].every(({ body }) => secretFor(body)?.secret[0] === 0);
}
