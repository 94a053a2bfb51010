import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import {
  appendFile,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { sql } from "kysely";

import { testBlobs, type BlobWorld, type Spoil } from "../../test/contract/blobs.ts";
import { haveAccounts, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { engines, testOnBoth, type OpenStore } from "../../test/support/engines.ts";
import { longestBlock } from "../../test/support/longest-block.ts";
import { mailboxRow } from "../../test/support/store-calls/mailbox.ts";
import { newOctets } from "../base/large-octets.ts";
import { after, HOUR, MINUTE, SECOND, systemClock } from "../base/time.ts";
import type { BlobPlace } from "../store/mail/blobs.ts";
import { insertMailboxMessage } from "../store/mailbox/messages.ts";
import type { Store } from "../store/store.ts";
import { openBlobs } from "./blobs.ts";
import { fileOf } from "./body-files.ts";

const bob = addressOf("bob@beta.test");
const account = idOf(bob);

async function worldIn(place: BlobPlace, openStore: OpenStore): Promise<BlobWorld> {
  const store = await openStore();
  await haveAccounts(store, bob);
  const dir = await mkdtemp(join(tmpdir(), "sealpost-blobs-"));
  const folder = join(dir, "bodies");
  let aheadMs = 0;
  const now = () => after(systemClock.now(), aheadMs);
  return {
    store,
    account,
    place,
    open: (bodies = place) =>
      openBlobs({ store, clock: { now } }, { bodies, bodiesFolder: folder }),
    kept: async () => (place === "folder" ? filesIn(folder) : rowsOf(store)),
    spoil: async (id, how) =>
      place === "folder" ? spoilFile(fileOf(folder, id), how) : spoilRow(store, id, how),
    now,
    advance: (ms) => {
      aheadMs += ms;
    },
    [Symbol.asyncDispose]: async () => {
      await store[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function filesIn(folder: string): Promise<readonly string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map(({ name }) => name);
}

async function rowsOf(store: Store): Promise<readonly string[]> {
  return (await store.db.selectFrom("blobs").select("id").execute()).map(({ id }) => id);
}

async function spoilFile(file: string, how: Spoil): Promise<void> {
  if (how === "missing") await rm(file);
  else if (how === "longer") await appendFile(file, "x");
  else if (how === "cut") await truncate(file, (await stat(file)).size - 1);
  else {
    const octets = await readFile(file);
    octets[50] = (octets[50] ?? 0) ^ 1;
    await writeFile(file, octets);
  }
}

/** The last octets of a blob are in its row, or in its last piece. */
async function spoilRow(store: Store, id: string, how: Spoil): Promise<void> {
  const of = sql`owner = ${id} and number = (select max(number) from blob_pieces where owner = ${id})`;
  const octet = store.engine === "sqlite" ? sql`x'78'` : sql`'\\x78'::bytea`;
  const joined =
    store.engine === "sqlite" ? sql`cast(bytes || ${octet} as blob)` : sql`bytes || ${octet}`;
  const shorter = sql`substr(bytes, 1, length(bytes) - 1)`;
  const altered =
    store.engine === "sqlite"
      ? sql`cast(${octet} || substr(bytes, 2) as blob)`
      : sql`${octet} || substr(bytes, 2)`;
  const empty = store.engine === "sqlite" ? sql`x''` : sql`''::bytea`;
  const next = { missing: empty, cut: shorter, longer: joined, altered }[how];
  await sql`update blob_pieces set bytes = ${next} where ${of}`.execute(store.db);
  await sql`update blobs set bytes = ${next} where id = ${id} and pieces = ''`.execute(store.db);
  if (how === "missing") await sql`delete from blob_pieces where ${of}`.execute(store.db);
}

for (const { engine, open } of engines()) {
  for (const place of ["database", "folder"] as const) {
    testBlobs(`${place}, ${engine}`, async () => worldIn(place, open));
  }
}

const onBoth = testOnBoth();

onBoth("a folder and its files are their user's alone", async (open) => {
  await using world = await worldIn("folder", open);
  await using dir = await folderOf(world);
  const blobs = dir.open();
  const { id } = await blobs.put(randomBytes(100));
  const file = fileOf(dir.path, id);
  const modes = await Promise.all(
    [file, join(file, ".."), dir.path].map(async (path) => (await stat(path)).mode & 0o777),
  );
  assert.deepEqual(modes, [0o600, 0o700, 0o700]);
});

/** A folder of the test's own, with the database of the world. */
async function folderOf({ store, now }: BlobWorld) {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-folder-"));
  const path = join(dir, "a/b/bodies");
  return {
    path,
    open: () => openBlobs({ store, clock: { now } }, { bodies: "folder", bodiesFolder: path }),
    [Symbol.asyncDispose]: async () => rm(dir, { recursive: true, force: true }),
  };
}

onBoth(
  "where no file can be written nothing is put, and the error says what to do",
  async (open) => {
    await using world = await worldIn("folder", open);
    await using dir = await folderOf(world);
    await mkdir(join(dir.path, ".."), { recursive: true });
    await writeFile(dir.path, "a file");
    const blobs = dir.open();
    const why = { temporary: true, message: /cannot be written .*bodies_folder/s };
    await assert.rejects(blobs.put(randomBytes(10)), why);
    await assert.rejects(blobs.roomBytes(), why);
    // The next try finds the folder usable.
    await rm(dir.path);
    assert((await blobs.put(randomBytes(10))).place === "folder");
    assert(((await blobs.roomBytes()) ?? 0) > 0);
  },
);

onBoth(
  "a folder that is empty while the database names bodies in it is not written",
  async (open) => {
    await using world = await worldIn("folder", open);
    await using dir = await folderOf(world);
    const blob = await dir.open().put(randomBytes(10));
    await insertMailboxMessage(world.store, account, { ...mailboxRow("1"), blob });
    // Its disk is not mounted.
    await rename(dir.path, `${dir.path}.elsewhere`);
    await mkdir(dir.path);
    await assert.rejects(dir.open().put(randomBytes(10)), /mount its disk/);
    await assert.rejects(dir.open().roomBytes(), /mount its disk/);
    await assert.rejects(dir.open().read(blob.id), /is missing/);
  },
);

onBoth(
  "what an interrupted put left is swept, and what is not ours is left alone",
  async (open) => {
    await using world = await worldIn("folder", open);
    await using dir = await folderOf(world);
    const { id } = await dir.open().put(randomBytes(10));
    const file = fileOf(dir.path, id);
    await rename(file, `${file}.new`);
    const others = ["README", `${id}.txt`, `x${id}`].map((name) => join(file, "..", name));
    for (const one of others) await writeFile(one, "");
    world.advance(HOUR + MINUTE);
    assert.equal((await dir.open().sweep()).deleted, 1);
    assert.equal((await filesIn(dir.path)).length, others.length);
  },
);

onBoth("35 MB are put and read without holding the event loop", async (open) => {
  await using world = await worldIn("folder", open);
  const octets = newOctets(35_000_000);
  octets.fill(7);
  const blobs = world.open();
  const ms = await longestBlock(async () => {
    const blob = await blobs.put(octets);
    await insertMailboxMessage(world.store, account, { ...mailboxRow("1"), blob });
    assert.equal((await blobs.read(blob.id))?.length, octets.length);
  });
  assert(ms < SECOND / 4, `${String(ms)} ms`);
});
