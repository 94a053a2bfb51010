import assert from "node:assert/strict";
import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { lockFile } from "./file-lock.ts";

let folder = "";

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "sealpost-lock-"));
});
after(async () => {
  for (const child of children) child.kill("SIGKILL");
  await rm(folder, { recursive: true });
});

const children: ChildProcess[] = [];

const PROGRAM = `
import { lockFile } from ${JSON.stringify(join(import.meta.dirname, "file-lock.ts"))};
const lock = lockFile(process.argv[1]);
console.log(lock === undefined ? "held" : "locked");
if (lock !== undefined && process.argv[2] === "wait") setInterval(() => lock, 1000);
`;

/** Another process that takes the lock, and what it said. */
async function other(path: string, what: "wait" | "end") {
  const child = spawn(
    process.execPath,
    ["--input-type=module-typescript", "-e", PROGRAM, path, what],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  children.push(child);
  const ended = once(child, "exit");
  const [said] = (await once(child.stdout, "data")) as [Buffer];
  if (what === "end") await ended;
  return { child, said: said.toString().trim() };
}

test("one holds a lock at a time, here and in other processes", async () => {
  const path = join(folder, "one");
  {
    using lock = lockFile(path);
    assert(lock);
    assert.equal(lockFile(path), undefined);
    assert.equal((await other(path, "end")).said, "held");
    assert.equal(lockFile(path), undefined);
  }
  assert.equal((await other(path, "end")).said, "locked");
  using again = lockFile(path);
  assert(again);
});

test("the lock of a process that is killed is free at once", async () => {
  const path = join(folder, "killed");
  const { child, said } = await other(path, "wait");
  assert.equal(said, "locked");
  assert.equal(lockFile(path), undefined);
  const ended = once(child, "exit");
  child.kill("SIGKILL");
  await ended;
  using lock = lockFile(path);
  assert(lock);
});

test("of many that take it at once, whatever the file held, one has it", async () => {
  for (const content of ["", String(process.pid), "2147483646", "x".repeat(5000)]) {
    const path = join(folder, `left-${String(content.length)}`);
    await writeFile(path, content);
    const all = await Promise.all(Array.from({ length: 6 }, async () => other(path, "wait")));
    assert.deepEqual(all.map(({ said }) => said).toSorted(), [
      "held",
      "held",
      "held",
      "held",
      "held",
      "locked",
    ]);
    for (const { child } of all) child.kill("SIGKILL");
  }
});

test("the file is empty, is its owner's alone, and nothing stands beside it", async () => {
  const path = join(folder, "empty");
  using lock = lockFile(path);
  assert(lock);
  const { size, mode } = await stat(path);
  assert.deepEqual([size, mode & 0o777], [0, 0o600]);
  const beside = (await readdir(folder)).filter((name) => name.startsWith("empty"));
  assert.deepEqual(beside, ["empty"]);
});
