/**
 * A large value that is handed on. Everybody on its way would hold it to the end of their work; like this, only who takes
 * it does, and its memory is free when they are ready.
 */
export class Given<Value extends object> {
  #value: Value | undefined;

  constructor(value: Value) {
    this.#value = value;
  }

  /** The value, once. @throws Error the second time. */
  take(): Value {
    const value = this.#value;
    if (value === undefined) throw new Error("what was given was taken already");
    this.#value = undefined;
    return value;
  }
}
