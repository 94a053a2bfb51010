import { spawn } from "node:child_process";
import { join } from "node:path";
import { MINUTE } from "../src/base/time.ts";

const TIMEOUT_MS = 15 * MINUTE;
const SEALPOST = join(import.meta.dirname, "../bin/sealpost");

export type RunOptions = {
  readonly input?: Uint8Array | string;
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  readonly signal?: AbortSignal | undefined;
};

export type RunResult = {
  readonly code: number | null;
  readonly stdout: Buffer;
  readonly stderr: string;
};

/** Runs a program to its end, however it ends. @throws Error when it cannot be started, and after a quarter of an hour. */
export async function run(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const child = spawn(command, args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    timeout: TIMEOUT_MS,
    signal: options.signal,
  });
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => stdout.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => stderr.push(chunk));
  child.stdin.on("error", () => {
    // A program may end without reading its input: its exit code tells.
  });
  child.stdin.end(options.input ?? "");
  return new Promise((resolve, reject) => {
    child.once("error", reject);
    child.once("close", (code) => {
      resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() });
    });
  });
}

/** As `run`, for a program that must succeed. @throws Error with what it printed when it does not. */
export async function runOk(
  command: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<RunResult> {
  const result = await run(command, args, options);
  if (result.code === 0) return result;
  const output = `${result.stderr}${result.stdout.toString()}`.trim();
  throw new Error(`${command} ${args.join(" ")}: exit code ${String(result.code)}\n${output}`);
}

/** The command line of Sealpost, as an operator uses it. @throws Error with what it printed when it fails. */
export async function sealpost(
  config: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Buffer> {
  const { stdout } = await runOk(SEALPOST, [...args, "--config", config], options);
  return stdout;
}

/** The same with `--json`, parsed. The caller says what it expects; a story that finds another thing fails there. */
export async function sealpostJson<T>(
  config: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<T> {
  return JSON.parse((await sealpost(config, [...args, "--json"], options)).toString()) as T;
}

/** The path of the command line, to start it as a server. */
export const sealpostCommand = SEALPOST;
