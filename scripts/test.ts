/**
 * `npm test`: type check, linters and format side by side, then every test. `npm test -- PATTERN…` runs only test files
 * that match. The last lines are the test runner's own summary. A skipped or todo test is a failure: what a test needs
 * is installed by the set-up, or the test does not belong here.
 */
import { spawn } from "node:child_process";
import { globSync } from "node:fs";
import { join } from "node:path";
import { run } from "node:test";
import { spec } from "node:test/reporters";

const ROOT = join(import.meta.dirname, "..");
const FOLDERS = ["src", "lab", "bench", "test"];
const PARALLEL_FILES = 2;
/** The slowest test takes a tenth of this. What runs on, a program that a test left behind too, is ended and fails. */
const SILENCE_LIMIT_MS = 5 * 60 * 1000;

const CHECKS = [
  ["tsc", "-p", "."],
  [
    "oxlint",
    "--type-aware",
    ...FOLDERS,
    "scripts/test.ts",
    "scripts/setup.test.ts",
    "scripts/complete-lock.test.ts",
  ],
  ["oxlint", "scripts/setup.mjs", "scripts/complete-lock.mjs"], // Plain JavaScript: there are no types to be aware of.
  ["oxfmt", "--check", ...FOLDERS, "scripts"],
];

/** Each test file is a process of its own, which reads hundreds of files. */
process.env["NODE_COMPILE_CACHE"] ??= join(ROOT, "node_modules/.cache/compiled");

const areChecksGood = await check();
const areTestsGood = await test(process.argv.slice(2));
process.exitCode = areChecksGood && areTestsGood ? 0 : 1;

async function check(): Promise<boolean> {
  const results = await Promise.all(CHECKS.map(([tool = "", ...args]) => output(tool, args)));
  for (const [index, { code, text }] of results.entries()) {
    const name = CHECKS[index]?.join(" ");
    if (code === 0) console.log(`ok - ${name}`);
    else console.log(`not ok - ${name}\n${text}`);
  }
  return results.every(({ code }) => code === 0);
}

async function output(tool: string, args: readonly string[]) {
  return new Promise<{ code: number | null; text: string }>((resolve, reject) => {
    const child = spawn(join(ROOT, "node_modules/.bin", tool), args, { cwd: ROOT });
    let text = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (chunk: string) => (text += chunk));
    }
    child.once("error", reject);
    child.once("close", (code) => {
      resolve({ code, text });
    });
  });
}

async function test(patterns: readonly string[]): Promise<boolean> {
  const files = globSync(["{src,lab,test,scripts}/**/*.test.ts"], { cwd: ROOT })
    .filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern)))
    .toSorted()
    .map((file) => join(ROOT, file));
  const left: string[] = [];
  let failed = 0;
  const stall = new AbortController();
  const watchdog = setTimeout(() => {
    stall.abort(new Error("no test began or ended for five minutes: what still runs is ended"));
  }, SILENCE_LIMIT_MS);
  const stream = run({ files, cwd: ROOT, concurrency: PARALLEL_FILES, signal: stall.signal });
  for (const event of ["test:dequeue", "test:complete"]) stream.on(event, () => watchdog.refresh());
  stream.on("test:fail", () => (failed += 1));
  stream.on("test:pass", ({ name, skip, todo }) => {
    if (skip !== undefined || todo !== undefined) left.push(name);
  });
  const report = stream.compose(spec);
  report.pipe(process.stdout);
  await new Promise((resolve) => report.once("end", resolve));
  clearTimeout(watchdog);
  for (const name of left) process.stderr.write(`not ok - skipped or left as todo: ${name}\n`);
  return failed === 0 && left.length === 0 && files.length > 0;
}
