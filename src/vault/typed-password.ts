import { argon2 } from "node:crypto";
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

/**
 * A password that somebody typed, in the form in which it is kept (RFC 8265 §4.2). Its keys for a salt are made once, however
 * many things they open; wiped on dispose.
 */
export class TypedPassword implements Disposable {
  readonly #kept: Secret;
  readonly #copy: Secret | undefined;
  readonly #made = new Map<string, Promise<PasswordKeys>>();

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

  /** Argon2id (RFC 9106), split by HKDF (RFC 5869). */
  async keysFor(salt: Uint8Array): Promise<PasswordKeys> {
    const name = Buffer.from(salt).toString("hex");
    const made = this.#made.get(name) ?? makeKeys(this.#kept, salt);
    this.#made.set(name, made);
    return made;
  }

  [Symbol.dispose](): void {
    for (const made of this.#made.values()) {
      void made.then(wipe, () => undefined);
    }
    this.#made.clear();
    this.#copy?.[Symbol.dispose]();
  }
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
