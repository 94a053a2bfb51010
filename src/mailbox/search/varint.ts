/** Whole numbers as octets: seven bits in each, the lowest first, and the highest bit set where more follow (LEB128). */

/** Maximum number of octets of a number up to 2^53. */
export const MAX_VARINT = 8;

/** Writes a number from `at` on. @returns where it ends. */
export function writeVarint(to: Uint8Array, at: number, value: number): number {
  let [rest, place] = [value, at];
  while (rest >= 0x80) {
    to[place] = (rest % 0x80) + 0x80;
    rest = Math.floor(rest / 0x80);
    place += 1;
  }
  to[place] = rest;
  return place + 1;
}

/** Reads one number after the other. What is behind the end reads as 0. */
export class VarintReader {
  readonly #from: Uint8Array;
  at: number;

  constructor(from: Uint8Array, at = 0) {
    this.#from = from;
    this.at = at;
  }

  /** Goes over so many octets. */
  skip(octets: number): void {
    this.at += octets;
  }

  next(): number {
    let [value, factor] = [0, 1];
    for (;;) {
      const octet = this.#from[this.at] ?? 0;
      this.at += 1;
      if (octet < 0x80) return value + octet * factor;
      value += (octet - 0x80) * factor;
      factor *= 0x80;
    }
  }
}
