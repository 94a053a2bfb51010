/**
 * Opening one message in a process of its own, which it may end: the last try for mail whose opening did not end before.
 * What the process may spend is counted in its own processor time and memory, so that a busy machine blames no message;
 * and only an end that the process brought upon itself counts, not a signal from outside.
 */
import { fork, type ChildProcess } from "node:child_process";
import { join } from "node:path";

import { TooCostly } from "../base/errors.ts";
import { MINUTE } from "../base/time.ts";
import type { Opened } from "../pgpmime/pgpmime.ts";
import type { Open } from "./crypto-pool.ts";
import { copiesOf, wipeCopies } from "./key-copies.ts";

/** What the child is given, once. */
export type AloneJob = { readonly message: Uint8Array; readonly keys: readonly Uint8Array[] };

/** What the child says: `begun` before the message is touched, then how that ended. */
export type AloneReport =
  | { readonly kind: "begun" }
  | { readonly kind: "opened"; readonly opened: Opened }
  | { readonly kind: "failed"; readonly reason: string };

type Limits = { readonly cpuSeconds: number; readonly memoryMb: number; readonly waitMs: number };

/** Maximum of what the process may spend: six times a worker's time, and twice its memory. */
const DEFAULT_LIMITS: Limits = { cpuSeconds: 60, memoryMb: 1024, waitMs: 15 * MINUTE };

/** Ends that a process brings upon itself: too much processor time, no memory left, an error of the machine's code. */
const OWN_ENDS: ReadonlySet<NodeJS.Signals> = new Set<NodeJS.Signals>([
  "SIGXCPU",
  "SIGABRT",
  "SIGTRAP",
  "SIGSEGV",
  "SIGBUS",
  "SIGILL",
  "SIGFPE",
]);

/** `program` is another in tests. @throws TooCostly, of the function, where the child ended for another reason. */
export function openingAlone(
  limits: Partial<Limits> = {},
  program: string = join(import.meta.dirname, "open-alone-child.ts"),
): Open {
  const all = { ...DEFAULT_LIMITS, ...limits };
  return async ({ message, keys }) => {
    const secrets = copiesOf(keys);
    try {
      return await outcomeOf(start(all, program), { message, keys: secrets }, all.waitMs);
    } finally {
      wipeCopies(secrets);
    }
  };
}

function start({ cpuSeconds, memoryMb }: Limits, program: string): ChildProcess {
  // The shell sets the limit of processor time (setrlimit(2)) and becomes the child.
  const command = `ulimit -c 0; ulimit -S -t ${String(cpuSeconds)}; exec "$0" "$@"`;
  const node = [process.execPath, `--max-old-space-size=${String(memoryMb)}`];
  return fork(program, [], {
    execPath: "/bin/sh",
    execArgv: ["-c", command, ...node],
    serialization: "advanced",
    stdio: ["ignore", "ignore", "ignore", "ipc"],
  });
}

async function outcomeOf(child: ChildProcess, job: AloneJob, waitMs: number): Promise<Opened> {
  let hasBegun = false;
  let report: AloneReport | undefined;
  const timer = setTimeout(() => child.kill("SIGKILL"), waitMs);
  try {
    return await new Promise<Opened>((resolve, reject) => {
      child.on("error", (error) => {
        reject(new TooCostly(`the process for it: ${error.message}`));
      });
      child.on("message", (said: AloneReport) => {
        if (said.kind === "begun") hasBegun = true;
        else report = said;
      });
      child.once("close", (code, signal) => {
        if (report?.kind === "opened") resolve(report.opened);
        else if (hasBegun && signal !== null && OWN_ENDS.has(signal)) {
          resolve({ kind: "damaged", reason: `opening it ended a process of its own (${signal})` });
        } else {
          const why = report?.kind === "failed" ? report.reason : (signal ?? String(code));
          reject(new TooCostly(`opening it in a process of its own came to nothing: ${why}`));
        }
      });
      child.send(job, (error) => {
        if (error !== null) child.kill("SIGKILL");
      });
    });
  } finally {
    clearTimeout(timer);
    child.kill("SIGKILL");
  }
}
