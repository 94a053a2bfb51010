import { readFile } from "node:fs/promises";

/** Linux counts processor time in hundredths of a second. */
export const MS_A_TICK = 10;

/** The processor time of a process with all its threads, in the user's and the system's mode (proc(5)). */
export async function processorMs(pid: number): Promise<number> {
  const stat = await readFile(`/proc/${String(pid)}/stat`, "utf8");
  // The name in brackets may hold blanks: the fields are counted behind it.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return (Number(fields[11]) + Number(fields[12])) * MS_A_TICK;
}
