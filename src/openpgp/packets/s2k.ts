import { argon2, createHash } from "node:crypto";
import { setImmediate } from "node:timers/promises";
import { promisify } from "node:util";

import type { Cursor } from "./cursor.ts";

/** How a key is made of a passphrase (RFC 9580 §3.7.1). */
export type S2k =
  | {
      readonly kind: "hashed";
      readonly hash: { readonly openssl: string; readonly octets: number };
      readonly salt: Buffer;
      /** Octets that go through the hash at least. */
      readonly count: number;
    }
  | {
      readonly kind: "argon2";
      readonly salt: Buffer;
      readonly passes: number;
      readonly lanes: number;
      readonly memoryKiB: number;
    }
  /** GnuPG's mark for a secret that is not here: it is on a card, or was left out on purpose. */
  | { readonly kind: "absent" };

const SALTED = 1;
const ITERATED = 3;
const ARGON2 = 4;
const GNU = 101;

const hash = (openssl: string, octets: number) => ({ openssl, octets });
const HASHES: ReadonlyMap<number, ReturnType<typeof hash>> = new Map([
  [2, hash("sha1", 20)],
  [8, hash("sha256", 32)],
  [9, hash("sha384", 48)],
  [10, hash("sha512", 64)],
  [11, hash("sha224", 28)],
]);

/**
 * Reads a specifier; undefined for kinds and hashes that are out of date or not known, among them the one without a salt.
 * @throws Damaged
 */
export function readS2k(cursor: Cursor): S2k | undefined {
  const type = cursor.octet();
  if (type === ARGON2) return readArgon2(cursor);
  const algorithm = HASHES.get(cursor.octet());
  if (type === GNU) {
    return cursor.take(3).toString("latin1") === "GNU" ? { kind: "absent" } : undefined;
  }
  if (algorithm === undefined || (type !== SALTED && type !== ITERATED)) return undefined;
  const salt = cursor.take(8);
  const count = type === ITERATED ? countOf(cursor.octet()) : 0;
  return { kind: "hashed", hash: algorithm, salt, count };
}

/** RFC 9580 §3.7.1.3. */
const countOf = (coded: number): number => (16 + (coded & 15)) << ((coded >> 4) + 6);

/** RFC 9580 §3.7.1.4. */
function readArgon2(cursor: Cursor): S2k | undefined {
  const salt = cursor.take(16);
  const [passes, lanes, exponent] = [cursor.octet(), cursor.octet(), cursor.octet()];
  const isAllowed =
    passes > 0 && lanes > 0 && exponent >= 3 + Math.ceil(Math.log2(lanes)) && exponent <= 31;
  return isAllowed ? { kind: "argon2", salt, passes, lanes, memoryKiB: 2 ** exponent } : undefined;
}

type Argon2 = Extract<S2k, { kind: "argon2" }>;

/** 128 MiB, and the work of three passes over 64 MiB, which is what OpenPGP.js asks for. */
const MAX_ARGON2_KIB = 2 ** 17;
const MAX_ARGON2_WORK = argon2Work({ passes: 3, memoryKiB: 2 ** 16 });
/** What one octet of a count can ask for at most, and what GnuPG asks for on a fast machine. */
const MAX_COUNT = countOf(0xff);
/** For all keys of one file together; hashing counts half of Argon2. */
const MAX_DERIVATIONS = 5;

/**
 * True when deriving all of these keys takes too much: Argon2 with more than 128 MiB or three passes over 64 MiB, or
 * together more than five times what a single one may take.
 */
export function isCostly(
  keys: readonly { readonly s2k: S2k; readonly keyOctets: number }[],
): boolean {
  const works = keys.map(({ s2k, keyOctets }) => {
    if (s2k.kind === "absent") return 0;
    if (s2k.kind === "hashed") {
      // A hash that is too short for the key is used several times.
      return (Math.ceil(keyOctets / s2k.hash.octets) * s2k.count) / MAX_COUNT / 2;
    }
    const work = argon2Work(s2k) / MAX_ARGON2_WORK;
    return s2k.memoryKiB > MAX_ARGON2_KIB || work > 1 ? Infinity : work;
  });
  return works.reduce((sum, work) => sum + work, 0) > MAX_DERIVATIONS;
}

/** Getting and clearing the memory takes as long as another pass over it. */
function argon2Work({ passes, memoryKiB }: Pick<Argon2, "passes" | "memoryKiB">): number {
  return (passes + 1) * memoryKiB;
}

const deriveArgon2 = promisify(argon2);

/**
 * A key of so many octets; to be wiped. The caller has asked `isCostly`. Hashing lets others have their turn; Argon2, which
 * comes in one piece, runs in a thread of its own.
 */
export async function deriveKey(
  s2k: Exclude<S2k, { kind: "absent" }>,
  passphrase: Uint8Array,
  keyOctets: number,
): Promise<Buffer> {
  if (s2k.kind === "argon2") {
    return deriveArgon2("argon2id", {
      message: passphrase,
      nonce: s2k.salt,
      parallelism: s2k.lanes,
      tagLength: keyOctets,
      memory: s2k.memoryKiB,
      passes: s2k.passes,
    });
  }
  const parts: Buffer[] = [];
  for (let made = 0; made < keyOctets; made += s2k.hash.octets) {
    parts.push(await hashRepeatedly(s2k, passphrase, parts.length));
  }
  const key = Buffer.concat(parts).subarray(0, keyOctets);
  for (const part of parts) part.fill(0);
  return key;
}

const BLOCK_OCTETS = 256 * 1024;

/** Salt and passphrase over and over, after so many zeros (RFC 9580 §3.7.1.1 and §3.7.1.3). */
async function hashRepeatedly(
  { hash: { openssl }, salt, count }: Extract<S2k, { kind: "hashed" }>,
  passphrase: Uint8Array,
  zeros: number,
): Promise<Buffer> {
  const once = Buffer.concat([salt, passphrase]);
  const total = Math.max(count, once.length);
  const repeats = Math.ceil(Math.min(total, BLOCK_OCTETS) / once.length);
  const block = Buffer.alloc(repeats * once.length, once);
  const hasher = createHash(openssl).update(Buffer.alloc(zeros));
  for (let left = total, turn = 0; left > 0; left -= block.length, turn += 1) {
    hasher.update(left < block.length ? block.subarray(0, left) : block);
    // Others get a turn every few milliseconds.
    if (turn % 16 === 15) await setImmediate();
  }
  once.fill(0);
  block.fill(0);
  return hasher.digest();
}
