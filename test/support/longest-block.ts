import { setImmediate } from "node:timers/promises";
import { threadStopwatch } from "./cpu-time.ts";

/** How long some work kept the event loop from its next turn, at most, in milliseconds of processor time. */
export async function longestBlock(work: () => Promise<void>): Promise<number> {
  let longestMs = 0;
  let sinceLast = threadStopwatch();
  const turn = (): void => {
    longestMs = Math.max(longestMs, sinceLast());
    sinceLast = threadStopwatch();
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
