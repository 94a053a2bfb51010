import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startProcess } from "./process.ts";

let dir = "";

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-process-"));
});

after(async () => {
  await rm(dir, { recursive: true, force: true });
});

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

const shell = (script: string, log: string) => ({
  name: "a shell",
  command: "sh",
  args: ["-c", script],
  logFile: join(dir, log),
});

test("a process is ready when its own check says so, and gone when it is stopped", async () => {
  const options = shell("echo up; exec sleep 60", "ready.log");
  const isReady = async () => (await readFile(options.logFile, "utf8")).includes("up");
  const running = await startProcess({ ...options, isReady });
  assert(isAlive(running.pid));
  assert.equal(running.ending, undefined);
  await running.stop();
  assert(!isAlive(running.pid));
  assert.equal(running.ending, "signal SIGTERM");
  await running.stop();
});

test("a process that ends before it is ready is an error with the end of its log", async () => {
  const options = shell("echo the port is taken >&2; exit 3", "early.log");
  const starting = startProcess({ ...options, isReady: async () => false });
  await assert.rejects(
    starting,
    /a shell ended before it was ready \(exit code 3\).*the port is taken/s,
  );
});

test("a process that is not ready in time is stopped and reported", async () => {
  const options = shell("echo $$; exec sleep 60", "late.log");
  const isReady = async () => Promise.reject(new Error("no answer"));
  const starting = startProcess({ ...options, isReady, readyTimeoutMs: 300 });
  await assert.rejects(starting, /was not ready within 0\.3 s/);
  assert(!isAlive(Number((await readFile(options.logFile, "utf8")).trim())));
});

test("a process that does not heed SIGTERM is killed", async () => {
  const options = shell("trap '' TERM; echo up; while :; do sleep 0.1; done", "deaf.log");
  const isReady = async () => (await readFile(options.logFile, "utf8")).includes("up");
  const running = await startProcess({ ...options, isReady, stopTimeoutMs: 200 });
  await running.stop();
  assert.equal(running.ending, "signal SIGKILL");
});

test("a program that is not there is named", async () => {
  const options = { ...shell("", "none.log"), command: "no-such-program" };
  await assert.rejects(
    startProcess({ ...options, isReady: async () => true }),
    /a shell did not start \(no-such-program\)/,
  );
});

test("an aborted start leaves nothing running", async () => {
  const options = shell("echo $$; exec sleep 60", "abort.log");
  const signal = AbortSignal.timeout(200);
  await assert.rejects(startProcess({ ...options, isReady: async () => false, signal }));
  assert(!isAlive(Number((await readFile(options.logFile, "utf8")).trim())));
});
