/**
 * A segment of the index: of some messages each term, in order, and the places of the messages that have it. It is cut into
 * blocks, each of which is opened separately. Its head says with which term each block begins, and which message each place is.
 */
import { asBuffer, utf8 } from "../../base/bytes.ts";
import { listed, type TermText } from "./terms.ts";
import { MAX_VARINT, VarintReader, writeVarint } from "./varint.ts";

/** A block ends behind the entry that reaches this many octets. */
const BLOCK_OCTETS = 32 * 1024;

/** Maximum number of terms of all messages of a segment together, but for those of its last message. */
const MAX_USES = 1_000_000;

/** Terms are compared by their UTF-16 units. */
export type SegmentHead = {
  /** The first term of each block. */
  readonly firsts: readonly string[];
  /** The number of the message at each place, in rising order. */
  readonly numbers: readonly number[];
};

/** What is to be stored of a segment. */
export type Segment = { readonly head: SegmentHead; readonly blocks: readonly Uint8Array[] };

/** Collects messages, in the order of their numbers, for one segment. */
export class SegmentBuilder {
  readonly #numbers: number[] = [];
  /** The place of a term in the order in which they came. */
  readonly #terms = new Map<string, number>();
  /** Of one message after the other the places of its terms, and where each message ends. */
  #uses = new Uint32Array(1 << 14);
  #used = 0;
  readonly #ends: number[] = [];

  /** Whether the next segment is to have what follows: the memory that one takes is bounded. */
  get isFull(): boolean {
    return this.#used >= MAX_USES;
  }

  add(number: number, terms: TermText): void {
    for (const term of listed(terms)) this.#use(this.#placeOf(term));
    this.#numbers.push(number);
    this.#ends.push(this.#used);
  }

  /** The segment of all that was added. */
  built(): Segment {
    const { starts, messages } = this.#postings();
    const firsts: string[] = [];
    const blocks: Uint8Array[] = [];
    let block: BlockWriter | undefined;
    for (const [term, place] of [...this.#terms].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
      if (block === undefined) firsts.push(term);
      block ??= new BlockWriter();
      block.add(term, messages.subarray(starts[place], starts[place + 1]));
      if (block.octets < BLOCK_OCTETS) continue;
      blocks.push(block.written());
      block = undefined;
    }
    if (block !== undefined) blocks.push(block.written());
    return { head: { firsts, numbers: this.#numbers }, blocks };
  }

  #placeOf(term: string): number {
    const place = this.#terms.get(term) ?? this.#terms.size;
    this.#terms.set(term, place);
    return place;
  }

  #use(place: number): void {
    if (this.#used === this.#uses.length) {
      const larger = new Uint32Array(this.#used * 2);
      larger.set(this.#uses);
      this.#uses = larger;
    }
    this.#uses[this.#used] = place;
    this.#used += 1;
  }

  /** The messages of each term, one term after the other, and where those of a term begin. */
  #postings(): { readonly starts: Uint32Array; readonly messages: Uint32Array } {
    const starts = new Uint32Array(this.#terms.size + 1);
    for (const place of this.#uses.subarray(0, this.#used)) {
      starts[place + 1] = (starts[place + 1] ?? 0) + 1;
    }
    for (let at = 1; at < starts.length; at += 1) {
      starts[at] = (starts[at] ?? 0) + (starts[at - 1] ?? 0);
    }
    const next = starts.slice();
    const messages = new Uint32Array(this.#used);
    let use = 0;
    this.#ends.forEach((end, message) => {
      for (; use < end; use += 1) {
        const place = this.#uses[use] ?? 0;
        const at = next[place] ?? 0;
        messages[at] = message;
        next[place] = at + 1;
      }
    });
    return { starts, messages };
  }
}

/** Entries one after the other: length and octets of the term, length and octets of the differences of the places. */
class BlockWriter {
  #octets = new Uint8Array(2 * BLOCK_OCTETS);
  octets = 0;

  add(term: string, messages: Uint32Array): void {
    const name = utf8(term);
    const differences = new Uint8Array(messages.length * MAX_VARINT);
    let [length, before] = [0, 0];
    for (const message of messages) {
      length = writeVarint(differences, length, message - before);
      before = message;
    }
    this.#makeRoom(name.length + length + 2 * MAX_VARINT);
    let at = writeVarint(this.#octets, this.octets, name.length);
    this.#octets.set(name, at);
    at = writeVarint(this.#octets, at + name.length, length);
    this.#octets.set(differences.subarray(0, length), at);
    this.octets = at + length;
  }

  written(): Uint8Array {
    return this.#octets.subarray(0, this.octets);
  }

  #makeRoom(octets: number): void {
    if (this.octets + octets <= this.#octets.length) return;
    const larger = new Uint8Array(2 * this.#octets.length + octets);
    larger.set(this.#octets);
    this.#octets = larger;
  }
}

/** The blocks that may hold terms with this beginning. */
export function blocksFor({ firsts }: SegmentHead, prefix: string): readonly number[] {
  const found: number[] = [];
  for (
    let at = Math.max(
      0,
      lastBefore(firsts.length, (at) => firsts[at] ?? "", prefix),
    );
    at < firsts.length;
    at += 1
  ) {
    const first = firsts[at] ?? "";
    if (first > prefix && !first.startsWith(prefix)) break;
    found.push(at);
  }
  return found;
}

/** The place of the last of `count` texts in order that is before `prefix`; -1 when there is none. */
function lastBefore(count: number, textAt: (place: number) => string, prefix: string): number {
  let [low, high] = [0, count];
  while (low < high) {
    const middle = (low + high) >> 1;
    if (textAt(middle) < prefix) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

/** A block that is opened, and where in it each entry begins. Few of its terms are ever looked at. */
export type OpenBlock = { readonly octets: Uint8Array; readonly entries: readonly number[] };

/** A block from the octets that were stored. */
export function blockFrom(octets: Uint8Array): OpenBlock {
  const reader = new VarintReader(octets);
  const entries: number[] = [];
  while (reader.at < octets.length) {
    entries.push(reader.at);
    reader.skip(reader.next());
    reader.skip(reader.next());
  }
  return { octets, entries };
}

function termAt({ octets, entries }: OpenBlock, place: number): string {
  const reader = new VarintReader(octets, entries[place]);
  const length = reader.next();
  return asBuffer(octets).toString("utf8", reader.at, reader.at + length);
}

/** Marks in `found`, an octet for each place, the messages of a block that have a term with this beginning. */
export function markMatches(block: OpenBlock, prefix: string, found: Uint8Array): void {
  const { length } = block.entries;
  const textAt = (place: number): string => termAt(block, place);
  for (let place = lastBefore(length, textAt, prefix) + 1; place < length; place += 1) {
    if (!textAt(place).startsWith(prefix)) return;
    mark(block, place, found);
  }
}

function mark({ octets, entries }: OpenBlock, place: number, found: Uint8Array): void {
  const reader = new VarintReader(octets, entries[place]);
  reader.skip(reader.next());
  const length = reader.next();
  const end = reader.at + length;
  let message = 0;
  while (reader.at < end) {
    message += reader.next();
    found[message] = 1;
  }
}

/** A head as octets, to be wrapped. */
export function headOctets(head: SegmentHead): Uint8Array {
  return utf8(JSON.stringify(head));
}

/** Out of the octets that `headOctets` made. */
export function headFrom(octets: Uint8Array): SegmentHead {
  return JSON.parse(asBuffer(octets).toString()) as SegmentHead;
}
