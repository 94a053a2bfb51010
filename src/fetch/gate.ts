/** Lets so many pass at once, in all and for each key; the others wait in turn, and too many waiting are turned away. */
export class Gate {
  readonly #maxInAll: number;
  readonly #maxForKey: number;
  readonly #maxWaiting: number;
  readonly #inside = new Map<string, number>();
  readonly #waiting: { readonly key: string; readonly enter: () => void }[] = [];
  #insideInAll = 0;

  constructor(limits: { inAll: number; forKey: number; waiting: number }) {
    this.#maxInAll = limits.inAll;
    this.#maxForKey = limits.forKey;
    this.#maxWaiting = limits.waiting;
  }

  /** Does the work when there is room; undefined when too many wait, or when `signal` ends the wait. */
  async pass<T>(
    key: string,
    signal: AbortSignal | undefined,
    work: () => Promise<T>,
  ): Promise<T | undefined> {
    if (!(await this.#enter(key, signal))) return undefined;
    try {
      return await work();
    } finally {
      this.#leave(key);
    }
  }

  #enter(key: string, signal: AbortSignal | undefined): Promise<boolean> {
    if (signal?.aborted === true) return Promise.resolve(false);
    if (this.#hasRoom(key)) {
      this.#count(key, 1);
      return Promise.resolve(true);
    }
    if (this.#waiting.length >= this.#maxWaiting) return Promise.resolve(false);
    return new Promise((resolve) => {
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(place), 1);
        resolve(false);
      };
      const place = {
        key,
        enter: () => {
          signal?.removeEventListener("abort", giveUp);
          this.#count(key, 1);
          resolve(true);
        },
      };
      this.#waiting.push(place);
      signal?.addEventListener("abort", giveUp, { once: true });
    });
  }

  #leave(key: string): void {
    this.#count(key, -1);
    const next = this.#waiting.findIndex((place) => this.#hasRoom(place.key));
    const [place] = next < 0 ? [] : this.#waiting.splice(next, 1);
    place?.enter();
  }

  #hasRoom(key: string): boolean {
    return this.#insideInAll < this.#maxInAll && (this.#inside.get(key) ?? 0) < this.#maxForKey;
  }

  #count(key: string, change: number): void {
    this.#insideInAll += change;
    const inside = (this.#inside.get(key) ?? 0) + change;
    if (inside === 0) this.#inside.delete(key);
    else this.#inside.set(key, inside);
  }
}
