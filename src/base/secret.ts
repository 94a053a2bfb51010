import { inspect } from "node:util";

/** V8 keeps typed arrays up to this size in its own heap, and leaves a copy when it moves one. */
const MAX_OCTETS_ON_HEAP = 64;

/** Bytes in memory of their own, however few: what is wiped there is gone. */
export function fixedBytes(length: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(new ArrayBuffer(length));
}

/** A copy of a secret that can be wiped, for callers that need one beside its `Secret`. */
export function fixedCopy(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const copy = fixedBytes(bytes.length);
  copy.set(bytes);
  return copy;
}

function moved(bytes: Uint8Array): Uint8Array {
  const copy = fixedCopy(bytes);
  bytes.fill(0);
  return copy;
}

/**
 * Bytes that must not be printed, logged, serialised or left behind: prints as `[secret]`, wiped on dispose.
 * The constructor takes the bytes over; nobody else may keep them. Short ones it moves to where the garbage collector
 * leaves them, and wipes what it was given.
 */
export class Secret implements Disposable {
  readonly #bytes: Uint8Array;
  #isWiped = false;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes.length <= MAX_OCTETS_ON_HEAP ? moved(bytes) : bytes;
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
    return new Secret(fixedCopy(this.reveal()));
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
