/**
 * Counts the steps of some work in this process, and kills the process (SIGKILL) right after one of them. A step is a
 * statement of the database (`begin` and `commit` too) or a change of a file.
 */
import fs from "node:fs";
import fsp from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { StatementSync } from "node:sqlite";
import pg from "pg";

/** Does work that is to die after a step; 0 for never. @returns how many steps it took. */
export async function countSteps(killAfter: number, work: () => Promise<unknown>): Promise<number> {
  const steps = { count: 0, isCounting: false };
  const stepDone = (): void => {
    if (!steps.isCounting) return;
    steps.count += 1;
    // SIGKILL to oneself arrives before the call returns: nothing runs after it.
    if (steps.count === killAfter) process.kill(process.pid, "SIGKILL");
  };
  countCalls(StatementSync.prototype, ["run", "all"], stepDone);
  countCalls(pg.Client.prototype, ["query"], stepDone);
  countCalls(fs, ["openSync", "writeSync", "fsyncSync", "renameSync", "rmSync"], stepDone);
  {
    await using handle = await fsp.open(import.meta.filename);
    const prototype: unknown = Object.getPrototypeOf(handle);
    countCalls(prototype as object, ["write", "sync"], stepDone);
  }
  countCalls(fsp, ["open", "rename", "unlink", "mkdir", "rm"], stepDone);
  syncBuiltinESMExports();
  steps.isCounting = true;
  await work();
  steps.isCounting = false;
  return steps.count;
}

/** Counts each call of a method when it is done, for a promise when that is kept. */
function countCalls(owner: object, names: readonly string[], stepDone: () => void): void {
  for (const name of names) {
    const real: unknown = Reflect.get(owner, name);
    if (typeof real !== "function") throw new Error(`no ${name}`);
    const counted = function counted(this: unknown, ...args: readonly unknown[]): unknown {
      const result: unknown = Reflect.apply(real, this, args);
      if (result instanceof Promise) return result.finally(stepDone);
      stepDone();
      return result;
    };
    Reflect.set(owner, name, counted);
  }
}
