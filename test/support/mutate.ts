/** Broken input by the thousand: real input with bytes changed, moved, cut and mixed, the same for the same seed. */

export type Random = () => number;

/** A small generator (mulberry32) whose sequence depends on its seed alone, so that a failure can be repeated. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 0x1_0000_0000;
  };
}

/** One to four changes, anywhere in the input. `others` lend pieces. */
export function mutate(random: Random, input: Uint8Array, others: readonly Uint8Array[]): Buffer {
  let bytes: Buffer = Buffer.from(input);
  for (let changes = 1 + below(random, 4); changes > 0; changes -= 1) {
    const change = CHANGES[below(random, CHANGES.length)];
    if (change !== undefined) bytes = change(random, bytes, others[below(random, others.length)]);
  }
  return bytes;
}

type Change = (random: Random, bytes: Buffer, other: Uint8Array | undefined) => Buffer;

/** Octets at which parsers turn: ends, limits, delimiters, packet headers. */
const TURNING = [0, 9, 10, 13, 32, 34, 45, 58, 59, 60, 61, 127, 128, 191, 192, 223, 224, 254, 255];

const CHANGES: readonly Change[] = [
  flipBit,
  (random, bytes) => replaceAt(bytes, below(random, bytes.length), 1, [turning(random)]),
  (random, bytes) => replaceAt(bytes, below(random, bytes.length), below(random, 64), []),
  (random, bytes) => bytes.subarray(0, below(random, bytes.length + 1)),
  (random, bytes) => {
    const piece = pieceOf(random, bytes);
    return replaceAt(bytes, below(random, bytes.length), 0, piece);
  },
  (random, bytes, other) => {
    const piece = pieceOf(random, Buffer.from(other ?? bytes));
    return replaceAt(bytes, below(random, bytes.length), piece.length, piece);
  },
  (random, bytes) => {
    const run = Buffer.alloc(1 + below(random, 300), turning(random));
    return replaceAt(bytes, below(random, bytes.length), 0, run);
  },
];

function flipBit(random: Random, bytes: Buffer): Buffer {
  const at = below(random, bytes.length);
  return replaceAt(bytes, at, 1, [(bytes[at] ?? 0) ^ (1 << below(random, 8))]);
}

function replaceAt(bytes: Buffer, at: number, count: number, by: Iterable<number>): Buffer {
  return Buffer.concat([bytes.subarray(0, at), Buffer.from([...by]), bytes.subarray(at + count)]);
}

function pieceOf(random: Random, bytes: Buffer): Buffer {
  const start = below(random, bytes.length);
  return bytes.subarray(start, start + below(random, 200));
}

function turning(random: Random): number {
  return TURNING[below(random, TURNING.length)] ?? 0;
}

function below(random: Random, limit: number): number {
  return limit <= 0 ? 0 : Math.floor(random() * limit);
}
