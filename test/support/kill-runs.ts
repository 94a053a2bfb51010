/** Runs of programs that kill themselves after one of their steps (`killed-steps.ts`). */
import { execFile } from "node:child_process";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const PROCESS_TIMEOUT_MS = 60_000;
const run = promisify(execFile);

/** Runs a program of this folder. Undefined: it was killed; any other ending is an error. @returns how many steps it took. */
export async function runToKill(program: string, order: object): Promise<number | undefined> {
  const file = join(import.meta.dirname, program);
  try {
    const { stdout } = await run(process.execPath, [file, JSON.stringify(order)], {
      timeout: PROCESS_TIMEOUT_MS,
      // Half of a run would be reading the same sources; a run that is not killed leaves them compiled.
      env: { ...process.env, NODE_COMPILE_CACHE: join(tmpdir(), "sealpost-compiled") },
      killSignal: "SIGTERM",
    });
    return Number(stdout);
  } catch (error) {
    const isKilled = error instanceof Error && "signal" in error && error.signal === "SIGKILL";
    if (!isKilled) throw error;
    return undefined;
  }
}

/** 1, 2, … steps. */
export function everyStep(steps: number): readonly number[] {
  return Array.from({ length: steps }, (_, at) => at + 1);
}
