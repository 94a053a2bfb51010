/**
 * How many octets of messages all connections together may hold, from their arrival to their answer. One network gets at
 * most half of them, so that nobody alone keeps everybody else's mail out.
 */
export class Budget {
  readonly #limit: number;
  readonly #held = new Map<string, number>();
  #total = 0;

  constructor(limitOctets: number) {
    this.#limit = limitOctets;
  }

  /** What one message takes; given back on dispose. */
  share(network: string): Share {
    let taken = 0;
    return {
      take: (octets) => {
        const held = this.#held.get(network) ?? 0;
        const isTooMuch = held + octets > this.#limit / 2 || this.#total + octets > this.#limit;
        if (isTooMuch) return false;
        this.#add(network, octets);
        taken += octets;
        return true;
      },
      [Symbol.dispose]: () => {
        this.#add(network, -taken);
        taken = 0;
      },
    };
  }

  #add(network: string, octets: number): void {
    const held = (this.#held.get(network) ?? 0) + octets;
    if (held === 0) this.#held.delete(network);
    else this.#held.set(network, held);
    this.#total += octets;
  }
}

export type Share = Disposable & {
  /** False when there is no room for so many more; then none are taken. */
  readonly take: (octets: number) => boolean;
};
