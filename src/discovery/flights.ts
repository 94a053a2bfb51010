/** Work under way, by key: who asks for the same meanwhile gets the same answer. */
export class Flights<Result> {
  readonly #flying = new Map<string, Promise<Result>>();

  async share(key: string, start: () => Promise<Result>): Promise<Result> {
    const flying = this.#flying.get(key) ?? this.#begin(key, start);
    return await flying;
  }

  async #begin(key: string, start: () => Promise<Result>): Promise<Result> {
    const flight = start();
    this.#flying.set(key, flight);
    try {
      return await flight;
    } finally {
      this.#flying.delete(key);
    }
  }
}

/** The result of the work, or `given` when the signal comes first; the work itself goes on for others. */
export async function unlessAborted<Result>(
  work: Promise<Result>,
  signal: AbortSignal | undefined,
  given: () => Result,
): Promise<Result> {
  if (signal === undefined) return await work;
  const { promise: aborted, resolve } = Promise.withResolvers<Result>();
  const onAbort = () => {
    resolve(given());
  };
  if (signal.aborted) onAbort();
  signal.addEventListener("abort", onAbort);
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
