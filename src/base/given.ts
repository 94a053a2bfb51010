/**
 * A large value that is passed on and taken once. Passed as an argument, every caller on its way would hold it until its own
 * work ends; like this only the function that takes it does.
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
