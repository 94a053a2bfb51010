/** When octets are on the disk: what the system is asked for, in its order, and what is left when it refuses. */
import assert from "node:assert/strict";
import fsp from "node:fs/promises";
import { mkdtemp, open, readdir, rm } from "node:fs/promises";
import { syncBuiltinESMExports } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, mock, test } from "node:test";

import { blobOf, fileOf, readBody, subfolderMaker, writeBody } from "./body-files.ts";

const ID = "0a1b2c3d-0000-4000-8000-000000000000";
let dir = "";

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-body-files-"));
});

after(async () => {
  await rm(dir, { recursive: true });
});

/** What handles of files have in common. */
async function handles(): Promise<{ write: unknown; sync: () => Promise<void> }> {
  await using handle = await open(import.meta.filename);
  return Object.getPrototypeOf(handle) as { write: unknown; sync: () => Promise<void> };
}

/** Does work while calls of the system are noted, or refused. @returns the noted calls. */
async function noting(work: () => Promise<void>, refused?: string): Promise<readonly string[]> {
  const calls: string[] = [];
  const watch = (owner: object, name: string): void => {
    const real: unknown = Reflect.get(owner, name);
    assert(typeof real === "function");
    mock.method(owner, name as never, function noted(this: unknown, ...args: unknown[]) {
      if (calls.at(-1) !== name) calls.push(name);
      if (name === refused) throw Object.assign(new Error("EIO"), { code: "EIO" });
      return Reflect.apply(real, this, args) as unknown;
    });
  };
  const shared = await handles();
  for (const name of ["write", "sync"]) watch(shared, name);
  for (const name of ["rename", "mkdir"]) watch(fsp, name);
  syncBuiltinESMExports();
  try {
    await work();
  } finally {
    mock.restoreAll();
    syncBuiltinESMExports();
  }
  return calls;
}

test("a file is synced, then renamed, then its folder is synced", async () => {
  const folder = join(dir, "order");
  const calls = await noting(async () => {
    await subfolderMaker(folder)("0a");
    await writeBody(fileOf(folder, ID), [Buffer.alloc(1_500_000), Buffer.alloc(10)]);
  });
  assert.deepEqual(calls, ["mkdir", "sync", "write", "sync", "rename", "sync"]);
  assert.equal(((await readBody(fileOf(folder, ID), 1_500_010)) as Uint8Array).length, 1_500_010);
});

for (const refused of ["write", "sync", "rename"]) {
  test(`where the system refuses ${refused}, a put fails and no file has the name`, async () => {
    const folder = join(dir, refused);
    await subfolderMaker(folder)("0a");
    const file = fileOf(folder, ID);
    await assert.rejects(
      noting(async () => writeBody(file, Buffer.alloc(10)), refused),
      /EIO/,
    );
    assert.deepEqual(
      (await readdir(join(folder, "0a"))).filter((name) => name === ID),
      [],
    );
  });
}

test("only names of bodies in their subfolder are ours", () => {
  assert.deepEqual(blobOf("0a", ID), { id: ID, isFinished: true });
  assert.deepEqual(blobOf("0a", `${ID}.new`), { id: ID, isFinished: false });
  for (const name of ["", "README", `${ID}.txt`, ID.toUpperCase(), `${ID}.new.new`]) {
    assert.equal(blobOf("0a", name), undefined);
  }
  assert.equal(blobOf("0b", ID), undefined);
});
