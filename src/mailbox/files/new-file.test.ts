import assert from "node:assert/strict";
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";

import { fullDiskAt } from "../../../test/support/full-disk.ts";
import { writeNewFile } from "./new-file.ts";

let folder = "";

before(async () => {
  folder = await mkdtemp(join(tmpdir(), "sealpost-new-file-"));
});
after(async () => {
  await rm(folder, { recursive: true });
});

test("a new file is whole, for its owner alone, and nothing is beside it", async () => {
  const path = join(folder, "new.eml");
  assert.equal(await writeNewFile(path, Buffer.from("whole")), "written");
  assert.equal(await readFile(path, "utf8"), "whole");
  const { mode, nlink } = await stat(path);
  assert.deepEqual([mode & 0o777, nlink], [0o600, 1]);
  assert.deepEqual(await readdir(folder), ["new.eml"]);
});

test("what is there already stays as it is", async () => {
  const path = join(folder, "there.eml");
  await writeFile(path, "theirs");
  assert.equal(await writeNewFile(path, Buffer.from("ours")), "there-already");
  assert.equal(await readFile(path, "utf8"), "theirs");
  assert((await readdir(folder)).every((name) => name.endsWith(".eml")));
});

test("nothing is left of a file for which there is no room", async () => {
  const path = join(folder, "full.eml");
  {
    using _disk = await fullDiskAt("cut");
    await assert.rejects(writeNewFile(path, Buffer.from("cut short")), /ENOSPC/);
  }
  assert((await readdir(folder)).every((name) => ["new.eml", "there.eml"].includes(name)));
  assert.equal(await writeNewFile(path, Buffer.from("cut short")), "written");
});
