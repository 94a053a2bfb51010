/**
 * Loaded into a serving process before its own code: how long its event loop was held, in processor time of that thread,
 * so that a busy machine blames nobody. What SQLite took is counted apart. From when the file exists that the environment
 * names, the worst so far is written there ten times a second.
 */
import { existsSync, writeFileSync } from "node:fs";
import { DatabaseSync, StatementSync } from "node:sqlite";
import { isMainThread } from "node:worker_threads";

/** What the file holds, as JSON. */
export type Stalls = {
  /** The longest turns, the longest first: milliseconds apart from database calls, and of these. */
  readonly worst: readonly { readonly ownMs: number; readonly databaseMs: number }[];
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
  let databaseMs = 0;
  const timed = (prototype: object, names: readonly string[]): void => {
    for (const name of names) {
      const original = Reflect.get(prototype, name) as (...given: unknown[]) => unknown;
      Reflect.set(prototype, name, function (this: unknown, ...given: unknown[]) {
        const start = cpuMs();
        try {
          return Reflect.apply(original, this, given);
        } finally {
          databaseMs += cpuMs() - start;
        }
      });
    }
  };
  timed(StatementSync.prototype, ["run", "get", "all"]);
  timed(DatabaseSync.prototype, ["exec", "prepare"]);

  let worst: { ownMs: number; databaseMs: number }[] = [];
  let turns = 0;
  let last = cpuMs();
  let lastWritten = performance.now();
  const beat = (): void => {
    const now = cpuMs();
    const ownMs = now - last - databaseMs;
    turns += 1;
    worst = [...worst, { ownMs, databaseMs }].toSorted((a, b) => b.ownMs - a.ownMs).slice(0, KEPT);
    if (performance.now() - lastWritten > WRITE_MS) {
      lastWritten = performance.now();
      if (existsSync(path)) writeFileSync(path, JSON.stringify({ worst, turns } satisfies Stalls));
      else [worst, turns] = [[], 0];
    }
    last = cpuMs();
    databaseMs = 0;
    setTimeout(beat, BEAT_MS).unref();
  };
  setTimeout(() => {
    last = cpuMs();
    databaseMs = 0;
    beat();
  }, 0).unref();
}

function cpuMs(): number {
  const { user, system } = process.threadCpuUsage();
  return (user + system) / 1000;
}
