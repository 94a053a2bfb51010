/** Processor time of this process, and of a PostgreSQL server that works for it. */
import { readdirSync, readFileSync } from "node:fs";

import { sql } from "kysely";

import type { Store } from "../../src/store/store.ts";

/** Gives the milliseconds that were used up to now. */
export type CpuClock = () => number;

/** How many of the units of `/proc/PID/stat` a second has, on every Linux that Node runs on. */
const TICKS = 100;

/** The clock of a store: for PostgreSQL the server's processes count too. */
export async function cpuClockOf(store: Store): Promise<CpuClock> {
  if (store.engine === "sqlite") return ownMs;
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(store.db);
  const server = statOf(Number(rows[0]?.pid))?.parent;
  return () => ownMs() + serverMs(server);
}

function ownMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

/** The processes that serve connections; vacuuming after the rows were made is nobody's. */
function serverMs(server: number | undefined): number {
  let ticks = 0;
  for (const name of readdirSync("/proc").filter((one) => /^\d+$/.test(one))) {
    const stat = statOf(Number(name));
    if (stat?.parent === server && stat?.isBackend === true) ticks += stat.own;
  }
  return (ticks * 1000) / TICKS;
}

/** https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html */
function statOf(
  pid: number,
): { readonly parent: number; readonly own: number; readonly isBackend: boolean } | undefined {
  let [text, line] = ["", ""];
  try {
    text = readFileSync(`/proc/${String(pid)}/stat`, "utf8");
    line = readFileSync(`/proc/${String(pid)}/cmdline`, "utf8");
  } catch {
    return undefined;
  }
  const fields = text.slice(text.lastIndexOf(")") + 2).split(" ");
  const at = (index: number): number => Number(fields[index]);
  // It names its user and its database.
  const isBackend = line.startsWith("postgres: app ");
  return { parent: at(1), own: at(11) + at(12), isBackend };
}
