import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { run } from "../lab/run.ts";

const ROOT = join(import.meta.dirname, "..");
const LOCK = join(ROOT, "package-lock.json");

type Lock = { packages: Record<string, { integrity?: string }> };

const check = async (file: string) =>
  run(process.execPath, [join(ROOT, "scripts/complete-lock.mjs"), "--check", file]);

test("every entry of the lock file has its checksum", async () => {
  const { code, stderr } = await check(LOCK);
  assert.equal(stderr, "");
  assert.equal(code, 0);
});

test("a lock file with a gap is refused, and the gap is named", async () => {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-lock-"));
  try {
    for (const [change, expected] of [
      [(lock: Lock) => delete lock.packages["node_modules/zod"]?.integrity, /zod has no checksum/],
      [
        (lock: Lock) =>
          Object.assign(lock.packages["node_modules/zod"] ?? {}, { integrity: "sha1-x" }),
        /zod has no checksum/,
      ],
      [
        (lock: Lock) => delete lock.packages["node_modules/@oxfmt/binding-win32-x64-msvc"],
        /win32-x64-msvc is wanted/,
      ],
    ] as const) {
      const lock = JSON.parse(await readFile(LOCK, "utf8")) as Lock;
      change(lock);
      const file = join(dir, "package-lock.json");
      await writeFile(file, JSON.stringify(lock));
      const { code, stderr } = await check(file);
      assert.equal(code, 1);
      assert.match(stderr, expected);
    }
  } finally {
    await rm(dir, { recursive: true });
  }
});
