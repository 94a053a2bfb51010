import { type ChildProcess, spawn } from "node:child_process";
import { open, readFile } from "node:fs/promises";
import { setTimeout as sleep } from "node:timers/promises";
import { SECOND, systemClock } from "../src/base/time.ts";

const POLL_MS = 20;
const LOG_TAIL_LINES = 15;
/** How long a loaded machine may take; a process that ends is noticed at once. */
const DEFAULT_READY_TIMEOUT_MS = 300 * SECOND;
const DEFAULT_STOP_TIMEOUT_MS = 5 * SECOND;

export type ProcessOptions = {
  /** What messages call it. */
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Added to the environment of this process. */
  readonly env?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Takes standard output and standard error; appended to. */
  readonly logFile: string;
  /** Asked every few milliseconds until it says yes; what it throws means "not yet". */
  readonly isReady: () => Promise<boolean>;
  readonly readyTimeoutMs?: number;
  /** From SIGTERM to SIGKILL. */
  readonly stopTimeoutMs?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly signal?: AbortSignal;
};

/** A server that the lab started: it runs until it is stopped, and is always waited for. */
export class LabProcess implements AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #exited: Promise<void>;
  readonly #stopTimeoutMs: number;

  constructor(name: string, child: ChildProcess, stopTimeoutMs: number) {
    if (child.pid === undefined) throw new Error(`${name} has no process id`);
    this.name = name;
    this.pid = child.pid;
    this.#child = child;
    this.#stopTimeoutMs = stopTimeoutMs;
    this.#exited = new Promise((resolve) => {
      child.once("exit", () => {
        resolve();
      });
    });
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** How it ended, in words; undefined while it runs. */
  get ending(): string | undefined {
    if (this.isRunning) return undefined;
    const { exitCode, signalCode } = this.#child;
    return signalCode === null ? `exit code ${exitCode}` : `signal ${signalCode}`;
  }

  /** Ends it by SIGTERM, after a time by SIGKILL, and waits until it is gone. */
  async stop(): Promise<void> {
    if (!this.isRunning) return;
    this.#child.kill("SIGTERM");
    const killer = setTimeout(() => this.#child.kill("SIGKILL"), this.#stopTimeoutMs);
    await this.#exited;
    clearTimeout(killer);
  }

  /** Ends it by SIGKILL, wherever it is, and waits until it is gone. */
  async kill(): Promise<void> {
    if (!this.isRunning) return;
    this.#child.kill("SIGKILL");
    await this.#exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }
}

/**
 * Starts a server and waits until it is ready. @throws Error with the end of its log when it ends before that, or is
 * not ready in time; then nothing of it is left running.
 */
export async function startProcess(options: ProcessOptions): Promise<LabProcess> {
  options.signal?.throwIfAborted();
  const log = await open(options.logFile, "a");
  const child = spawn(options.command, options.args, {
    cwd: options.cwd,
    env: { ...process.env, ...options.env },
    stdio: ["ignore", log.fd, log.fd],
    uid: options.uid,
    gid: options.gid,
  });
  try {
    await hasSpawned(child, options);
  } finally {
    await log.close();
  }
  const running = new LabProcess(
    options.name,
    child,
    options.stopTimeoutMs ?? DEFAULT_STOP_TIMEOUT_MS,
  );
  try {
    await waitUntilReady(running, options);
  } catch (error) {
    await running.stop();
    throw error;
  }
  return running;
}

async function hasSpawned(child: ChildProcess, options: ProcessOptions): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (cause) => {
      reject(new Error(`${options.name} did not start (${options.command})`, { cause }));
    });
  });
}

async function waitUntilReady(running: LabProcess, options: ProcessOptions): Promise<void> {
  const timeoutMs = options.readyTimeoutMs ?? DEFAULT_READY_TIMEOUT_MS;
  const deadline = systemClock.now().getTime() + timeoutMs;
  for (;;) {
    options.signal?.throwIfAborted();
    if (running.ending !== undefined) {
      throw await failure(options, `ended before it was ready (${running.ending})`);
    }
    if (await isReady(options)) return;
    if (systemClock.now().getTime() > deadline) {
      throw await failure(options, `was not ready within ${timeoutMs / SECOND} s`);
    }
    await sleep(POLL_MS);
  }
}

async function isReady(options: ProcessOptions): Promise<boolean> {
  try {
    return await options.isReady();
  } catch {
    return false; // Not yet: the time limit decides.
  }
}

async function failure(options: ProcessOptions, what: string): Promise<Error> {
  const log = await readFile(options.logFile, "utf8").catch(() => "");
  const tail = log.trimEnd().split("\n").slice(-LOG_TAIL_LINES).join("\n");
  return new Error(`${options.name} ${what}; the end of ${options.logFile}:\n${tail}`);
}
