import type { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";

import { LARGE_OCTETS, sharedOctets } from "../../base/large-octets.ts";
import type { Share } from "./budget.ts";
import type { Pace } from "./pace.ts";

/** What a message begins in; most need no more. */
const FIRST_OCTETS = 64 * 1024;

/** A client that sends fast lets others have a turn after so much. */
const OCTETS_PER_TURN = 256 * 1024;

export type Collected =
  | { readonly kind: "whole"; readonly bytes: Uint8Array }
  | { readonly kind: "too-large" }
  /** All connections together hold too much now. */
  | { readonly kind: "no-room" }
  /** The client went away, or the signal came, before the end. */
  | { readonly kind: "broken" };

/**
 * All that a stream gives, up to a limit; what is beyond is read and thrown away, because the client hears the refusal
 * only after it has sent everything. A message in a million pieces costs no more memory than one in a single piece. A
 * large message is in shared memory.
 */
export async function collect(
  stream: Readable,
  limitOctets: number,
  pace: Pick<Pace, "signal" | "came">,
  room: Share,
): Promise<Collected> {
  const message = new Growing(limitOctets);
  let total = 0;
  let turnAt = OCTETS_PER_TURN;
  let hasRoom = true;
  try {
    for await (const chunk of stream.iterator({ destroyOnReturn: false })) {
      if (pace.signal.aborted) return { kind: "broken" };
      const bytes = chunk as Buffer;
      total += bytes.length;
      pace.came(total);
      hasRoom &&= total > limitOctets || room.take(bytes.length);
      if (hasRoom && total <= limitOctets) {
        message.add(bytes);
      } else {
        message.clear();
        room[Symbol.dispose]();
      }
      if (total < turnAt) continue;
      turnAt = total + OCTETS_PER_TURN;
      await setImmediate();
    }
  } catch {
    return { kind: "broken" };
  }
  if (pace.signal.aborted) return { kind: "broken" };
  if (total > limitOctets) return { kind: "too-large" };
  if (!hasRoom) return { kind: "no-room" };
  return { kind: "whole", bytes: message.octets };
}

/** Octets that grow up to a limit. Once they are large they have all the memory that they can need, and touch it as they grow. */
class Growing {
  readonly #limit: number;
  #room: Uint8Array = new Uint8Array(0);
  #used = 0;

  constructor(limitOctets: number) {
    this.#limit = limitOctets;
  }

  add(chunk: Uint8Array): void {
    const needed = this.#used + chunk.length;
    if (needed > this.#room.length) this.#grow(needed);
    this.#room.set(chunk, this.#used);
    this.#used = needed;
  }

  clear(): void {
    this.#room = new Uint8Array(0);
    this.#used = 0;
  }

  get octets(): Uint8Array {
    return this.#room.subarray(0, this.#used);
  }

  #grow(needed: number): void {
    const before = this.octets;
    this.#room =
      needed > LARGE_OCTETS
        ? sharedOctets(Math.max(needed, this.#limit))
        : new Uint8Array(Math.max(needed, 2 * before.length, FIRST_OCTETS));
    this.#room.set(before);
  }
}
