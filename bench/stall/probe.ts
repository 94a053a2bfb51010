/**
 * Loaded into a serving process before its own code: how long its event loop was held, in processor time of that thread,
 * so that a busy machine blames nobody. From when the file exists that the environment names, the worst so far is written
 * there ten times a second.
 */
import { existsSync, writeFileSync } from "node:fs";
import { isMainThread } from "node:worker_threads";

/** What the file holds, as JSON. */
export type Stalls = {
  /** The longest turns in milliseconds, the longest first. */
  readonly worst: readonly number[];
  readonly turns: number;
};

/** Names the file. */
export const FILE_VARIABLE = "SEALPOST_STALL_FILE";

const BEAT_MS = 2;
const WRITE_MS = 100;
const KEPT = 20;

const file = process.env[FILE_VARIABLE];
if (isMainThread && file !== undefined) watch(file);

function watch(path: string): void {
  let worst: number[] = [];
  let turns = 0;
  let last = cpuMs();
  let lastWritten = performance.now();
  const beat = (): void => {
    const now = cpuMs();
    turns += 1;
    worst = [...worst, now - last].toSorted((a, b) => b - a).slice(0, KEPT);
    if (performance.now() - lastWritten > WRITE_MS) {
      lastWritten = performance.now();
      if (existsSync(path)) writeFileSync(path, JSON.stringify({ worst, turns } satisfies Stalls));
      else [worst, turns] = [[], 0];
    }
    last = cpuMs();
    setTimeout(beat, BEAT_MS).unref();
  };
  setTimeout(() => {
    last = cpuMs();
    beat();
  }, 0).unref();
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
