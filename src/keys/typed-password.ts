import { argon2 } from "node:crypto";
import { promisify } from "node:util";

import { passwordForms } from "../base/opaque-string.ts";
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
 * A password that somebody typed, in the form in which it is kept (RFC 8265 §4.2), or in the one that was found to be right
 * for something older. Its keys for a salt are made once, however many things they open; wiped on dispose.
 */
export class TypedPassword implements Disposable {
  readonly #forms: readonly Secret[];
  readonly #copies: readonly Secret[];
  #at = 0;
  readonly #made = new Map<string, Promise<PasswordKeys>>();

  /** The secret stays its owner's. */
  constructor(secret: Secret) {
    const forms = passwordForms(secret.reveal());
    const isAsTyped = forms.length === 1;
    if (isAsTyped) forms[0]?.fill(0);
    this.#copies = isAsTyped ? [] : forms.map((form) => new Secret(form));
    this.#forms = isAsTyped ? [secret] : this.#copies;
  }

  get secret(): Secret {
    const form = this.#forms[this.#at];
    if (form === undefined) throw new Error("a password has a form");
    return form;
  }

  /** True in the form in which passwords are kept. */
  get isKeptForm(): boolean {
    return this.#at === 0;
  }

  /** For what is made from now on. */
  takeKeptForm(): void {
    this.#at = 0;
  }

  /**
   * The first that work gives in one of the forms, which stays; the present one comes first. An ASCII password has one form,
   * and every right one opens what is new at once: others take more work only where it was kept before, or is wrong.
   */
  async trying<Value>(work: () => Promise<Value | undefined>): Promise<Value | undefined> {
    const before = this.#at;
    const others = this.#forms.map((_form, at) => at).filter((at) => at !== before);
    for (const at of [before, ...others]) {
      this.#at = at;
      const value = await work();
      if (value !== undefined) return value;
    }
    this.#at = before;
    return undefined;
  }

  /** As it is, or typed for the first time. */
  static of(password: Secret | TypedPassword): TypedPassword {
    return password instanceof TypedPassword ? password : new TypedPassword(password);
  }

  /** Argon2id (RFC 9106), split by HKDF (RFC 5869). */
  async keysFor(salt: Uint8Array): Promise<PasswordKeys> {
    const name = `${String(this.#at)} ${Buffer.from(salt).toString("hex")}`;
    const made = this.#made.get(name) ?? makeKeys(this.secret, salt);
    this.#made.set(name, made);
    return made;
  }

  [Symbol.dispose](): void {
    for (const made of this.#made.values()) {
      void made.then(wipe, () => undefined);
    }
    this.#made.clear();
    for (const copy of this.#copies) copy[Symbol.dispose]();
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
