import assert from "node:assert/strict";
import { chmod, mkdir, mkdtemp, readdir, rm, stat, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";

import { AppError } from "../../base/errors.ts";
import { lockExport } from "./export-lock.ts";

let folder = "";
const { TMPDIR } = process.env;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "sealpost-export-lock-"));
});
after(async () => {
  await rm(folder, { recursive: true });
});
afterEach(() => {
  if (TMPDIR === undefined) delete process.env["TMPDIR"];
  else process.env["TMPDIR"] = TMPDIR;
});

async function made(name: string): Promise<string> {
  const path = join(folder, name);
  await mkdir(path, { mode: 0o700 });
  return path;
}

test("a lock leaves nothing in the folder that it locks, and is of that folder", async () => {
  const [one, other] = [await made("one"), await made("other")];
  process.env["TMPDIR"] = await made("tmp");
  {
    using lock = await lockExport(await stat(one));
    using second = await lockExport(await stat(other));
    assert(lock && second);
    assert.equal(await lockExport(await stat(one)), undefined);
    assert.deepEqual([await readdir(one), await readdir(other)], [[], []]);
  }
  using again = await lockExport(await stat(one));
  assert(again);
});

test("locks are in no place that somebody else could change", async () => {
  const locked = await stat(await made("locked"));
  const name = `sealpost-locks-${String(process.getuid?.())}`;
  const elsewhere = await made("elsewhere");

  const linked = await made("linked");
  await symlink(elsewhere, join(linked, name));
  process.env["TMPDIR"] = linked;
  await assert.rejects(lockExport(locked), AppError);

  const open = await made("open");
  await mkdir(join(open, name));
  await chmod(join(open, name), 0o770);
  process.env["TMPDIR"] = open;
  await assert.rejects(lockExport(locked), AppError);

  const movable = await made("movable");
  await mkdir(join(movable, "below"), { mode: 0o700 });
  await chmod(movable, 0o777);
  process.env["TMPDIR"] = join(movable, "below");
  await assert.rejects(lockExport(locked), AppError);
  await chmod(movable, 0o1777);
  {
    using lock = await lockExport(locked);
    assert(lock);
  }
  assert.deepEqual(await readdir(elsewhere), []);
});
