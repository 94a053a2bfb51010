import { inspect } from "node:util";

/**
 * Bytes that must not be printed, logged, serialised or left behind: prints as `[secret]`, wiped on dispose.
 * The constructor takes the bytes over; nobody else may keep them.
 */
export class Secret implements Disposable {
  readonly #bytes: Uint8Array;
  #isWiped = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** A secret from text, as UTF-8. The text itself cannot be wiped: take bytes where there is a choice. */
  static fromText(text: string): Secret {
    return new Secret(new TextEncoder().encode(text));
  }

  /** The bytes, for one use. @throws Error after dispose. */
  reveal(): Uint8Array {
    if (this.#isWiped) throw new Error("the secret has been wiped");
    return this.#bytes;
  }

  /** A copy with a life of its own. */
  clone(): Secret {
    return new Secret(Uint8Array.from(this.reveal()));
  }

  [Symbol.dispose](): void {
    this.#bytes.fill(0);
    this.#isWiped = true;
  }

  toString(): string {
    return "[secret]";
  }

  toJSON(): string {
    return "[secret]";
  }

  [inspect.custom](): string {
    return "[secret]";
  }
}
