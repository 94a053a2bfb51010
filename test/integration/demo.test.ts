/** The demo as a newcomer runs it. */
import assert from "node:assert/strict";
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { once } from "node:events";
import { globSync, readFileSync } from "node:fs";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { run } from "../../lab/run.ts";

const ROOT = join(import.meta.dirname, "../..");
const DEMO = join(ROOT, "lab/demo.ts");
const OPENED_WITHIN_MS = 300_000;

test("the story passes on PostgreSQL", async () => {
  const { code, stdout, stderr } = await run(process.execPath, [
    DEMO,
    "--story",
    "--engine",
    "postgres",
  ]);
  const output = `${stdout.toString()}${stderr}`;
  assert.equal(code, 0, output);
  assert.match(output, /^ok - 14 /m);
  assert.match(output, /^14 passed, 0 failed$/m);
});

test("the demo says how to log in and to send, ends at SIGTERM, and finds its mail again", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-demo-test-"));
  try {
    await using first = await startDemo(dir);
    assert.match(first.output(), /alice@alpha\.test +alice-lab-password/);
    assert.match(first.output(), /swaks --server 127\.0\.0\.2:/);
    // What a newcomer copies from the screen must do what it says.
    const [command] = /^ +swaks (?:.*\\\n)+.*$/m.exec(first.output()) ?? [];
    const sent = await run("bash", ["-c", command ?? "exit 1"]);
    assert.equal(sent.code, 0, sent.stdout.toString());
    assert.match(sent.stdout.toString(), /250 .*1 encrypted/);
    const [, list = ""] = /^ +npx (sealpost mail list .*)$/m.exec(first.output()) ?? [];
    const before = await listOnceItIsOpened(list);
    await first.stop();

    await using second = await startDemo(dir);
    const { stdout } = await runListing(list);
    assert.deepEqual(JSON.parse(stdout.toString()), JSON.parse(before));
    await second.stop();
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
});

test("the demo refuses what it cannot do", async () => {
  const full = await run(process.execPath, [DEMO, "--full"]);
  assert.equal(full.code, 2);
  assert.match(full.stderr, /not built yet/);
  const wrong = await run(process.execPath, [DEMO, "--stroy"]);
  assert.equal(wrong.code, 2);
  assert.match(wrong.stderr, /npm run demo/);
});

/** Sealed mail is opened after it was accepted. */
async function listOnceItIsOpened(command: string): Promise<string> {
  const giveUpAt = performance.now() + OPENED_WITHIN_MS;
  for (;;) {
    const { stdout, stderr } = await runListing(command);
    const list = stdout.toString();
    const isOpened = /"subject": *"Hello Bob"/.test(list) && /"state": *"CONFIDENTIAL"/.test(list);
    if (isOpened) return list;
    assert(performance.now() < giveUpAt, `"Hello Bob" is not there, opened:\n${list}${stderr}`);
    await setTimeout(500);
  }
}

async function runListing(command: string) {
  return run("bash", ["-c", `bin/${command} --json`], { cwd: ROOT });
}

type Demo = AsyncDisposable & {
  readonly output: () => string;
  readonly stop: () => Promise<void>;
};

async function startDemo(dir: string): Promise<Demo> {
  // Through npm: a signal to npm alone must reach the demo as well.
  const child = spawn("npm", ["run", "demo", "--", "--state", dir], {
    cwd: ROOT,
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output = collect(child);
  const ended = once(child, "exit");
  const ready = new Promise<void>((resolve) => {
    child.stdout.on("data", () => {
      if (output().includes("Ctrl-C")) resolve();
    });
  });
  await Promise.race([
    ready,
    ended.then(() => Promise.reject(new Error(`the demo ended:\n${output()}`))),
  ]);
  return {
    output,
    stop: async () => {
      child.kill("SIGTERM");
      const [code] = (await ended) as [number | null];
      assert.equal(code, 0, output());
      assert.deepEqual(await processesIn(dir), [], "something is still running");
    },
    /** Also after a failed check: a demo that runs on would keep this process from ending. */
    [Symbol.asyncDispose]: async () => {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function collect(child: ChildProcessByStdio<null, Readable, Readable>): () => string {
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => chunks.push(chunk));
  return () => Buffer.concat(chunks).toString();
}

/** The command lines that name the demo's folder. */
async function processesIn(dir: string): Promise<readonly string[]> {
  assert((await readdir("/proc")).length > 0);
  return globSync("/proc/[0-9]*/cmdline")
    .map((file) => {
      try {
        return readFileSync(file, "utf8").replaceAll("\0", " ");
      } catch {
        return ""; // It has just ended.
      }
    })
    .filter((line) => line.includes(dir));
}
