/** A map of bounded size whose entries last until a moment of their own; when it is full the oldest entry goes. */
export class ExpiringMap<Key, Value> {
  readonly #entries = new Map<Key, { readonly value: Value; readonly until: Date }>();
  readonly #maxEntries: number;
  readonly #now: () => Date;

  constructor(maxEntries: number, now: () => Date) {
    this.#maxEntries = maxEntries;
    this.#now = now;
  }

  get(key: Key): Value | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    if (this.#now() < entry.until) return entry.value;
    this.#entries.delete(key);
    return undefined;
  }

  set(key: Key, value: Value, until: Date): void {
    this.#entries.delete(key);
    this.#entries.set(key, { value, until });
    if (this.#entries.size <= this.#maxEntries) return;
    const [oldest] = this.#entries.keys();
    if (oldest !== undefined) this.#entries.delete(oldest);
  }

  delete(key: Key): void {
    this.#entries.delete(key);
  }
}
