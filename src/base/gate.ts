type Place = { readonly enter: () => void; readonly giveUp: () => void };

/**
 * Lets so many pass at once, in all and for each key. The others wait: keys take turns, however many wait for each of them.
 * When too many wait, the last of the key with the most is turned away.
 */
export class Gate {
  readonly #maxInAll: number;
  readonly #maxForKey: number;
  readonly #maxWaiting: number;
  readonly #inside = new Map<string, number>();
  /** By key, the key whose turn is next first. */
  readonly #waiting = new Map<string, Place[]>();
  #insideInAll = 0;
  #waitingInAll = 0;

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
      this.#count(key, -1);
      this.#next();
    }
  }

  #enter(key: string, signal: AbortSignal | undefined): Promise<boolean> {
    if (signal?.aborted === true) return Promise.resolve(false);
    if (this.#hasRoom(key)) {
      this.#count(key, 1);
      return Promise.resolve(true);
    }
    if (this.#waitingInAll >= this.#maxWaiting && !this.#makeRoomFor(key)) {
      return Promise.resolve(false);
    }
    return new Promise((resolve) => {
      const decide = (isIn: boolean): void => {
        signal?.removeEventListener("abort", place.giveUp);
        if (isIn) this.#count(key, 1);
        resolve(isIn);
      };
      const place: Place = {
        enter: () => {
          decide(true);
        },
        giveUp: () => {
          this.#forget(key, place);
          decide(false);
        },
      };
      const places = this.#waiting.get(key) ?? [];
      this.#waiting.set(key, places);
      places.push(place);
      this.#waitingInAll += 1;
      signal?.addEventListener("abort", place.giveUp, { once: true });
    });
  }

  /** Whether another key, for which more wait than for this one, gave up its last place. */
  #makeRoomFor(key: string): boolean {
    let longest: Place[] = this.#waiting.get(key) ?? [];
    const own = longest.length;
    for (const places of this.#waiting.values()) {
      if (places.length > longest.length) longest = places;
    }
    if (longest.length <= own + 1) return false;
    longest.at(-1)?.giveUp();
    return true;
  }

  #next(): void {
    for (const [key, places] of this.#waiting) {
      const [place] = places;
      if (place === undefined || !this.#hasRoom(key)) continue;
      this.#forget(key, place);
      // The key goes behind all others.
      this.#waiting.delete(key);
      if (places.length > 0) this.#waiting.set(key, places);
      place.enter();
      return;
    }
  }

  #forget(key: string, place: Place): void {
    const places = this.#waiting.get(key) ?? [];
    const at = places.indexOf(place);
    if (at === -1) return;
    places.splice(at, 1);
    this.#waitingInAll -= 1;
    if (places.length === 0) this.#waiting.delete(key);
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
