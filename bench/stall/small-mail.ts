/** Small mail that comes in beside the large: one message after the other, and how long each took. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Place } from "../../lab/world.ts";
import { deliverTo } from "../../test/support/lone-server.ts";

const EACH_SMALL_MS = 100;

export type SmallMail = {
  readonly count: number;
  readonly medianMs: number;
  readonly maxMs: number;
  readonly refused: number;
};

/** Sends small mail until the result is asked for. */
export function startSmallMail(lmtp: Place): () => Promise<SmallMail> {
  const state = { isOver: false };
  const took: number[] = [];
  let refused = 0;
  const running = (async () => {
    for (let at = 0; !state.isOver; at += 1) {
      const start = performance.now();
      const reply = await deliverTo(lmtp, `<small${String(at)}@stall.test>`);
      if (!reply.startsWith("250")) refused += 1;
      took.push(performance.now() - start);
      await sleep(EACH_SMALL_MS);
    }
  })();
  return async () => {
    state.isOver = true;
    await running;
    const sorted = took.toSorted((a, b) => a - b);
    return {
      count: sorted.length,
      medianMs: sorted[sorted.length >> 1] ?? 0,
      maxMs: sorted.at(-1) ?? 0,
      refused,
    };
  };
}
