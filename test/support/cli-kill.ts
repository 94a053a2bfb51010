/** The command line as a process of its own, which is killed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

import { PASSWORD } from "./cli-mail.ts";
import type { Cli } from "./cli.ts";

const POLL_MS = 3;

/** Runs a command with the password on stdin, and kills it (SIGKILL) when it is time. @returns whether it was killed. */
export async function killAt(
  cli: Cli,
  args: readonly string[],
  isTime: () => Promise<boolean>,
): Promise<boolean> {
  const program = join(import.meta.dirname, "../../src/main.ts");
  const child = spawn(process.execPath, [program, ...args, "--config", cli.config], {
    stdio: ["pipe", "ignore", "inherit"],
  });
  const ended = once(child, "exit");
  child.stdin.end(`${PASSWORD}\n`);
  while (child.exitCode === null && !(await isTime())) await sleep(POLL_MS);
  child.kill("SIGKILL");
  const [, signal] = (await ended) as [number | null, string | null];
  return signal === "SIGKILL";
}
