/**
 * Octet strings as large as mail is. On some machines it takes milliseconds to touch one megabyte of new memory: 25 MB made
 * in one go would hold the event loop for a tenth of a second. They are made slice by slice, in memory that all threads
 * share, so that a thread is given one without a copy.
 */
import { eachSlice } from "./slices.ts";

/** An octet string, or several that are one when they stand one after the other. */
export type Octets = Uint8Array | readonly Uint8Array[];

/** Larger octet strings are made in slices. */
export const LARGE_OCTETS = 512 * 1024;

/** Memory that all threads share; what is not written to takes none. */
export function sharedOctets(length: number): Uint8Array {
  const buffer = new SharedArrayBuffer(length);
  weigh(buffer);
  return new Uint8Array(buffer);
}

/**
 * V8 looks for garbage when the memory that it counts grows, and shared memory it does not count: twelve messages would stay
 * where one is in use. Beside each stands as much memory of the counted kind, which is never touched and so takes none.
 * It is resizable, so that it comes from the system and not from the C library, which clears memory that it gives again.
 */
function weigh(buffer: ArrayBufferLike): void {
  if (weights.has(buffer)) return;
  const { byteLength } = buffer;
  weights.set(buffer, new ArrayBuffer(byteLength, { maxByteLength: byteLength }));
}

const weights = new WeakMap<ArrayBufferLike, ArrayBuffer>();

/** Has the shared memory in a value counted in this thread too, which was given it by another. */
export function weighShared(value: unknown): void {
  for (const { buffer } of octetStringsIn(value)) {
    if (buffer instanceof SharedArrayBuffer) weigh(buffer);
  }
}

/** Memory for so many octets, shared where they are many. */
export function newOctets(length: number): Uint8Array {
  return length > LARGE_OCTETS ? sharedOctets(length) : new Uint8Array(length);
}

/** The pieces as one, shared where it is large. The event loop is not held. */
export async function joined(pieces: readonly Uint8Array[]): Promise<Uint8Array> {
  const total = pieces.reduce((sum, { length }) => sum + length, 0);
  if (total <= LARGE_OCTETS) return Buffer.concat(pieces);
  const whole = sharedOctets(total);
  let at = 0;
  for (const piece of pieces) {
    await eachSlice(piece, (slice) => {
      whole.set(slice, at);
      at += slice.length;
    });
  }
  return whole;
}

/** The same octets where all threads see them: themselves if they are small, or shared already. */
export async function inSharedMemory(bytes: Uint8Array): Promise<Uint8Array> {
  return bytes.buffer instanceof SharedArrayBuffer ? bytes : joined([bytes]);
}

/**
 * The same value for another thread: large octet strings in shared memory, and small ones without the memory around them,
 * which would travel with them. For octets, dates, texts, numbers, and lists and plain objects of these.
 */
export async function portable<Value>(value: Value): Promise<Value> {
  const isSmall = octetsIn(value) <= LARGE_OCTETS;
  return (isSmall ? smallForm(value) : await portableForm(value)) as Value;
}

/** The same for small values: most are, and a promise for each of their members would take longer than the work. */
function smallForm(value: unknown): unknown {
  if (value instanceof Uint8Array) return withoutSurroundings(value);
  if (Array.isArray(value)) return value.map(smallForm);
  if (!isPlain(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, each]) => [name, smallForm(each)]));
}

async function portableForm(value: unknown): Promise<unknown> {
  if (value instanceof Uint8Array) return portableOctets(value);
  if (Array.isArray(value)) return Promise.all(value.map(portableForm));
  if (!isPlain(value)) return value;
  const entries: (readonly [string, unknown])[] = [];
  for (const [name, each] of Object.entries(value)) entries.push([name, await portableForm(each)]);
  return Object.fromEntries(entries);
}

async function portableOctets(bytes: Uint8Array): Promise<Uint8Array> {
  if (bytes.length > LARGE_OCTETS) return inSharedMemory(bytes);
  return withoutSurroundings(bytes);
}

function withoutSurroundings(bytes: Uint8Array): Uint8Array {
  return bytes.length < bytes.buffer.byteLength ? new Uint8Array(bytes) : bytes;
}

function isPlain(value: unknown): value is object {
  return (
    typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype
  );
}

/** How many octets a value holds. */
export function octetsIn(value: unknown): number {
  let octets = 0;
  collect(value, ({ length }) => (octets += length));
  return octets;
}

/** The octet strings in it. */
export function octetStringsIn(value: unknown): readonly Uint8Array[] {
  const found: Uint8Array[] = [];
  collect(value, (octets) => found.push(octets));
  return found;
}

/** Each job is looked through several times: without a list for each of its members. */
function collect(value: unknown, act: (octets: Uint8Array) => void): void {
  if (typeof value !== "object" || value === null) return;
  if (value instanceof Uint8Array) act(value);
  else if (Array.isArray(value)) for (const each of value) collect(each, act);
  else if (isPlain(value)) for (const each of Object.values(value)) collect(each, act);
}
