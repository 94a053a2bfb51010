import { readdir, readFile } from "node:fs/promises";

import { MS_A_TICK } from "./processor-time.ts";

type Process = { readonly parent: number; readonly ms: number };

/**
 * The processor time of a process, of all that came from it, and of those among them that ended and were waited for
 * (proc(5): utime, stime, cutime, cstime). A daemon that left the tree is not in it.
 */
export async function processorMsOfTree(root: number): Promise<number> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name)).map(Number);
  const read = await Promise.all(pids.map(async (pid) => [pid, await processOf(pid)] as const));
  const all = new Map(read.flatMap(([pid, one]) => (one === undefined ? [] : [[pid, one]])));
  const isOfTree = (pid: number): boolean =>
    pid === root || (pid > 1 && isOfTree(all.get(pid)?.parent ?? 0));
  let ms = 0;
  for (const [pid, one] of all) if (isOfTree(pid)) ms += one.ms;
  return ms;
}

/** Undefined when it has ended meanwhile. */
async function processOf(pid: number): Promise<Process | undefined> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, "utf8").catch(() => undefined);
  if (stat === undefined) return undefined;
  // The name in brackets may hold blanks: the fields are counted behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return { parent: Number(fields[1]), ms: ticks * MS_A_TICK };
}
