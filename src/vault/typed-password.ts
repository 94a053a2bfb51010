import { argon2, createHmac } from "node:crypto";
import { promisify } from "node:util";

import { equalBytes } from "../base/bytes.ts";
import { passwordForm } from "../base/opaque-string.ts";
import { Secret } from "../base/secret.ts";
import { deriveKey } from "./wrap.ts";

/** What one Argon2id of a password gives; neither can be computed from the other. */
export type PasswordKeys = {
  /** What the login compares. */
  readonly verifier: Secret;
  /** What the password slot is wrapped under. */
  readonly wrapping: Secret;
};

const MEMORY_KIB = 64 * 1024;
const PASSES = 3;
const LANES = 4;
const KEY_BYTES = 32;

/** How the keys of a password are made; part of our stored format. */
export const PASSWORD_KDF = `argon2id m=${MEMORY_KIB} t=${PASSES} p=${LANES} hkdf-sha256`;

const deriveArgon2 = promisify(argon2);

/** A password whose keys are remembered for one salt was asked for those of another, which take an Argon2id. */
export class OtherSalt extends Error {
  override readonly name = "OtherSalt";
}

/**
 * A password that somebody typed, in the form in which it is kept (RFC 8265 §4.2). Its keys for a salt are made once, however
 * many things they open; wiped on dispose.
 */
export class TypedPassword implements Disposable {
  readonly #kept: Secret;
  readonly #copy: Secret | undefined;
  readonly #made = new Map<string, Promise<PasswordKeys>>();
  #isRemembered = false;

  /** The secret stays its owner's. */
  constructor(secret: Secret) {
    const form = passwordForm(secret.reveal());
    const isAsTyped = equalBytes(form, secret.reveal());
    if (isAsTyped) form.fill(0);
    this.#copy = isAsTyped ? undefined : new Secret(form);
    this.#kept = this.#copy ?? secret;
  }

  /** As it is, or typed for the first time. */
  static of(password: Secret | TypedPassword): TypedPassword {
    return password instanceof TypedPassword ? password : new TypedPassword(password);
  }

  /**
   * Argon2id (RFC 9106), split by HKDF (RFC 5869).
   * @throws OtherSalt when the keys for another salt are remembered.
   */
  async keysFor(salt: Uint8Array): Promise<PasswordKeys> {
    const name = nameOf(salt);
    const known = this.#made.get(name);
    if (known === undefined && this.#isRemembered) throw new OtherSalt();
    const made = known ?? makeKeys(this.#kept, salt);
    this.#made.set(name, made);
    return made;
  }

  /** Takes over keys that an Argon2id gave before. From now on no Argon2id is made: other salts are refused. */
  remember(salt: Uint8Array, keys: PasswordKeys): void {
    this.#made.set(nameOf(salt), Promise.resolve(keys));
    this.#isRemembered = true;
  }

  /**
   * A key of the password and a secret, for one purpose (HMAC-SHA256, then HKDF-SHA256). It takes microseconds: whoever has
   * the secret tries passwords as fast. What it wraps therefore never leaves the memory of a process.
   */
  keyUnder(secret: Secret, purpose: string): Secret {
    using mixed = new Secret(
      createHmac("sha256", secret.reveal()).update(this.#kept.reveal()).digest(),
    );
    return deriveKey(mixed, purpose);
  }

  [Symbol.dispose](): void {
    for (const made of this.#made.values()) {
      void made.then(wipe, () => undefined);
    }
    this.#made.clear();
    this.#copy?.[Symbol.dispose]();
  }
}

function nameOf(salt: Uint8Array): string {
  return Buffer.from(salt).toString("hex");
}

function wipe({ verifier, wrapping }: PasswordKeys): void {
  verifier[Symbol.dispose]();
  wrapping[Symbol.dispose]();
}

async function makeKeys(password: Secret, salt: Uint8Array): Promise<PasswordKeys> {
  const bytes = await deriveArgon2("argon2id", {
    message: password.reveal(),
    nonce: salt,
    memory: MEMORY_KIB,
    passes: PASSES,
    parallelism: LANES,
    tagLength: KEY_BYTES,
  });
  using root = new Secret(bytes);
  return {
    verifier: deriveKey(root, "password|login"),
    wrapping: deriveKey(root, "password|wrap"),
  };
}
