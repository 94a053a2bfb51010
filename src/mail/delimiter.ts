/** A delimiter line that was met; `level` is the index of its boundary among the open ones. */
export type Hit = {
  readonly level: number;
  readonly isClose: boolean;
  readonly lineStart: number;
  /** The start of the line after it. */
  readonly next: number;
};

/** RFC 2046 §5.1.1 allows 70; real mail goes beyond. */
const MAX_BOUNDARY = 250;
/** With its dashes and some blanks after it. */
const MAX_DELIMITER = 300;
const CR = 13;
const LF = 10;
const DASH = 45;
const LINE_OF_DASHES = "\n--";
/** How many octets behind a line of dashes are looked at one by one. */
const LOOKED_AT_OCTETS = 64 * 1024;

/** The boundaries of the multiparts that are open, outermost first, each byte a character. */
export class OpenBoundaries {
  readonly #boundaries: string[] = [];
  #checksums: readonly number[] = [];

  get isEmpty(): boolean {
    return this.#boundaries.length === 0;
  }

  /** False when it is empty or too long, or when one line could be a delimiter of it and of one that is open already. */
  canOpen(boundary: string): boolean {
    if (boundary === "" || boundary.length > MAX_BOUNDARY) return false;
    return !this.#boundaries.some(
      (other) => other === boundary || other === `${boundary}--` || `${other}--` === boundary,
    );
  }

  /** @returns its level: how many were open before it. */
  open(boundary: string): number {
    this.#boundaries.push(boundary);
    this.#checksums = this.#boundaries.map(checksumOf);
    return this.#boundaries.length - 1;
  }

  closeInnermost(): void {
    this.#boundaries.pop();
    this.#checksums = this.#boundaries.map(checksumOf);
  }

  /** The first delimiter line at or after `from`, which is the start of a line. */
  find(bytes: Buffer, from: number): Hit | undefined {
    if (this.isEmpty) return undefined;
    const first = this.match(bytes, from);
    if (first !== undefined) return first;
    // The search by the machine is fast where there is nothing to find; where there is much, calling it costs more.
    for (let at = bytes.indexOf(LINE_OF_DASHES, from); at !== -1;) {
      const stop = Math.min(bytes.length - 2, at + LOOKED_AT_OCTETS);
      const hit = this.#findBetween(bytes, at, stop);
      if (hit !== undefined) return hit;
      at = bytes.indexOf(LINE_OF_DASHES, stop);
    }
    return undefined;
  }

  #findBetween(bytes: Buffer, from: number, to: number): Hit | undefined {
    for (let at = from; at < to; at++) {
      if (bytes[at] === LF && bytes[at + 1] === DASH && bytes[at + 2] === DASH) {
        const hit = this.match(bytes, at + 1);
        if (hit !== undefined) return hit;
      }
    }
    return undefined;
  }

  /** The line at `at` as a delimiter of an open multipart: exactly it, then blanks (RFC 2046 §5.1.1). */
  match(bytes: Buffer, at: number): Hit | undefined {
    if (bytes[at] !== DASH || bytes[at + 1] !== DASH) return undefined;
    const lineFeed = lineEnd(bytes, at);
    if (lineFeed === undefined) return undefined;
    const end = trimEnd(bytes, lineFeed);
    if (!this.#mayBeOne(bytes, at + 2, end)) return undefined;
    const line = bytes.toString("latin1", at + 2, end);
    const place = { lineStart: at, next: Math.min(lineFeed + 1, bytes.length) };
    const level = this.#boundaries.indexOf(line);
    if (level !== -1) return { ...place, level, isClose: false };
    const closed = line.endsWith("--") ? this.#boundaries.indexOf(line.slice(0, -2)) : -1;
    return closed === -1 ? undefined : { ...place, level: closed, isClose: true };
  }

  /** One pass over the line, so that many open boundaries with a common beginning cost nothing, nor many such lines. */
  #mayBeOne(bytes: Buffer, start: number, end: number): boolean {
    let checksum = 0;
    let ofAllButTwo = 0;
    for (let at = start; at < end; at++) {
      if (at === end - 2) ofAllButTwo = checksum;
      checksum = addTo(checksum, bytes[at] ?? 0);
    }
    return this.#checksums.includes(checksum) || this.#checksums.includes(ofAllButTwo);
  }
}

function checksumOf(boundary: string): number {
  return Buffer.from(boundary, "latin1").reduce(addTo, 0);
}

function addTo(checksum: number, byte: number): number {
  return (Math.imul(checksum, 31) + byte) | 0;
}

/** Where the line's LF is, or the bytes end; undefined when the line is too long for a delimiter. */
function lineEnd(bytes: Buffer, at: number): number | undefined {
  const limit = at + MAX_DELIMITER;
  let end = at + 2;
  while (end < bytes.length && bytes[end] !== LF) {
    end++;
    if (end > limit) return undefined;
  }
  return end;
}

function trimEnd(bytes: Buffer, lineFeed: number): number {
  let end = lineFeed;
  if (end < bytes.length && bytes[end - 1] === CR) end--;
  while (bytes[end - 1] === 32 || bytes[end - 1] === 9) end--;
  return end;
}
