import { readFile } from "node:fs/promises";

/** Linux counts processor time in hundredths of a second. */
const MS_A_TICK = 10;

/** What Linux says of a process (proc(5)). */
type ProcessStat = {
  readonly parent: number;
  /** Its own, in the user's and the system's mode, with all its threads. */
  readonly ownMs: number;
  /** Of those that came from it, ended and were waited for. */
  readonly endedMs: number;
};

/** The processor time of a process with all its threads, in the user's and the system's mode (proc(5)). */
export async function processorMs(pid: number): Promise<number> {
  return (await statOf(pid)).ownMs;
}

/** @throws Error when there is no such process. */
export async function statOf(pid: number): Promise<ProcessStat> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, "utf8");
  // The name in brackets may hold blanks: the fields are counted behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [user = 0, system = 0, endedUser = 0, endedSystem = 0] = fields.slice(11, 15).map(Number);
  return {
    parent: Number(fields[1]),
    ownMs: (user + system) * MS_A_TICK,
    endedMs: (endedUser + endedSystem) * MS_A_TICK,
  };
}
