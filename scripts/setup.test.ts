import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../lab/run.ts";

const ROOT = join(import.meta.dirname, "..");

const setup = async (...args: readonly string[]) =>
  run(process.execPath, [join(ROOT, "scripts/setup.mjs"), ...args]);

test("the set-up is quiet when nothing is missing", async () => {
  const { code, stdout, stderr } = await setup("test");
  assert.equal(`${stdout.toString()}${stderr}`, "");
  assert.equal(code, 0);
});

test("the set-up refuses a group that it does not know", async () => {
  const { code, stderr } = await setup("nonsense");
  assert.equal(code, 1);
  assert.match(stderr, /no group "nonsense"/);
});

test("every line of the package list has a name, a group, a program and its home", async () => {
  const list = await readFile(join(ROOT, "scripts/debian-packages.txt"), "utf8");
  const lines = list.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  assert(lines.length > 0);
  for (const line of lines) {
    assert.match(line, /^[a-z0-9.+-]+ +(?:demo|test) +(?:(?:file|perl):)?\S+ +https:\/\/\S+$/);
  }
});

test("the lock file has the optional packages of every platform, or npm ci refuses it", async () => {
  type Lock = {
    packages: Record<string, { optionalDependencies?: Record<string, string>; resolved?: string }>;
  };
  const lock = JSON.parse(await readFile(join(ROOT, "package-lock.json"), "utf8")) as Lock;
  const names = Object.values(lock.packages).flatMap((one) =>
    Object.keys(one.optionalDependencies ?? {}),
  );
  const missing = names.filter((name) => lock.packages[`node_modules/${name}`] === undefined);
  assert.deepEqual(missing, [], "run: node scripts/complete-lock.mjs");
});
