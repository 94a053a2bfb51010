import { setTimeout as sleep } from "node:timers/promises";

const LOOK_MS = 50;
/** How many looks in a row must find that nothing was spent. */
const IDLE_LOOKS = 6;

/** The processor time that work takes, in milliseconds, until what `spentMs` says has stopped growing. */
export async function costOf(
  spentMs: () => Promise<number>,
  work: () => Promise<void>,
): Promise<number> {
  const before = await atRest(spentMs);
  await work();
  return (await atRest(spentMs)) - before;
}

async function atRest(spentMs: () => Promise<number>): Promise<number> {
  let [last, quiet] = [await spentMs(), 0];
  while (quiet < IDLE_LOOKS) {
    await sleep(LOOK_MS);
    const now = await spentMs();
    quiet = now === last ? quiet + 1 : 0;
    last = now;
  }
  return last;
}
