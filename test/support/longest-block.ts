import { setImmediate } from "node:timers/promises";

/** How long some work kept the event loop from its next turn, at most, in milliseconds. */
export async function longestBlock(work: () => Promise<void>): Promise<number> {
  let longestMs = 0;
  let last = performance.now();
  const turn = (): void => {
    const now = performance.now();
    longestMs = Math.max(longestMs, now - last);
    last = now;
  };
  const timer = setInterval(turn, 5);
  try {
    await work();
    await setImmediate();
    turn();
    return longestMs;
  } finally {
    clearInterval(timer);
  }
}
