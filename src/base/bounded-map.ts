/** A map with a maximum number of entries and a maximum weight; the entry that was not used for the longest goes first. */
export class BoundedMap<Key, Value> {
  readonly #entries = new Map<Key, { readonly value: Value; readonly weight: number }>();
  readonly #most: { readonly entries: number; readonly weight: number };
  #weight = 0;

  /** `weight`: maximum of all entries together, in the unit that `set` is given; without it the weight is not limited. */
  constructor(most: { readonly entries: number; readonly weight?: number }) {
    this.#most = { weight: Number.POSITIVE_INFINITY, ...most };
  }

  get(key: Key): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    return entry.value;
  }

  /** An entry that alone weighs too much is not kept. */
  set(key: Key, value: Value, weight = 0): void {
    this.delete(key);
    if (weight > this.#most.weight) return;
    this.#entries.set(key, { value, weight });
    this.#weight += weight;
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#most.entries && this.#weight <= this.#most.weight) return;
      this.delete(oldest);
    }
  }

  delete(key: Key): void {
    const entry = this.#entries.get(key);
    if (entry === undefined) return;
    this.#entries.delete(key);
    this.#weight -= entry.weight;
  }

  get size(): number {
    return this.#entries.size;
  }
}
