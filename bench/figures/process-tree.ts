import { readdir } from "node:fs/promises";

import { statOf } from "./processor-time.ts";

/**
 * The processor time of a process, of all that came from it, and of those among them that ended and were waited for
 * (proc(5): utime, stime, cutime, cstime). A daemon that left the tree is not in it.
 */
export async function processorMsOfTree(root: number): Promise<number> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  // Who has ended meanwhile is in nobody's tree any more.
  const read = await Promise.all(
    pids.map(async (pid) => [pid, await statOf(pid).catch(() => undefined)] as const),
  );
  const all = new Map(read.flatMap(([pid, one]) => (one === undefined ? [] : [[pid, one]])));
  const isOfTree = (pid: number): boolean =>
    pid === root || (pid > 1 && isOfTree(all.get(pid)?.parent ?? 0));
  let ms = 0;
  for (const [pid, one] of all) if (isOfTree(pid)) ms += one.ownMs + one.endedMs;
  return ms;
}
