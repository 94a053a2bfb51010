/** A restore, as it is drilled: what a backup gives back, and what it must not bring back. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { startPostgres } from "../../lab/postgres.ts";
import { run, runOk, sealpost, sealpostCommand, sealpostJson } from "../../lab/run.ts";
import { openVault } from "../../src/app/open-vault.ts";
import { fileOf } from "../../src/blobs/body-files.ts";
import { loadConfig } from "../../src/config/config.ts";
import { insertMailboxMessage } from "../../src/store/mailbox/messages.ts";
import { idAt } from "../support/accounts.ts";
import { addressOf } from "../support/address.ts";
import { attached, saved, written } from "../support/drafts.ts";
import { deliverTo, makeLoneServer, PASSWORD, READER } from "../support/lone-server.ts";
import { withDrafts } from "../support/reader-drafts.ts";
import { mailboxRow } from "../support/store-calls/mailbox.ts";

type Key = { readonly fingerprint: string; readonly state: string };
type Restored = {
  readonly revoked: number;
  readonly lostKeys: readonly string[];
  readonly passwords: readonly string[];
  readonly isHeld: boolean;
};

async function drill(
  dir: string,
  database: Readonly<Record<string, string>>,
  /** Puts an empty place where the database was. */
  takeAway: (config: string) => Promise<void>,
): Promise<void> {
  const { config, serve } = await makeLoneServer(dir, database);
  const keys = async (): Promise<readonly Key[]> =>
    sealpostJson<readonly Key[]>(config, ["key", "list", READER]);
  const file = join(dir, "backup");
  const account = ["account", "add", "bob@alpha.test", "--custody", "provider", "--password-stdin"];
  await sealpost(config, account, { input: "the password of bob" });
  {
    await using gateway = await serve("gateway");
    assert.match(await deliverTo(gateway.place("lmtp"), "<before@drill.test>"), /^250 /);
    await sealpost(config, ["backup", file]);
    assert.match(await deliverTo(gateway.place("lmtp"), "<since@drill.test>"), /^250 /);
  }
  assert.equal((await stat(file)).mode & 0o777, 0o600);
  assert.notEqual((await run(sealpostCommand, ["backup", file, "--config", config])).code, 0);
  const [before] = await keys();
  await sealpost(config, ["key", "rotate", READER]);
  await sealpost(config, ["account", "reset", "bob@alpha.test", "--password-stdin"], {
    input: "another password",
  });
  await takeAway(config);

  const restored = await sealpostJson<Restored>(config, ["restore", file]);
  assert.partialDeepStrictEqual(restored, { isHeld: false, passwords: ["bob@alpha.test"] });
  assert.equal(restored.revoked, 1);
  assert(restored.lostKeys.includes(READER));
  assert.deepEqual(
    (await keys()).map(({ fingerprint, state }) => [fingerprint, state]),
    [[before?.fingerprint, "superseded"]],
  );
  await sealpost(config, ["audit", "verify"]);
  const { messages } = await sealpostJson<{ messages: readonly { subject: string }[] }>(config, [
    "mail",
    "list",
    READER,
  ]);
  assert.deepEqual(
    messages.map(({ subject }) => subject),
    ["<before@drill.test>"],
  );
  const again = await run(sealpostCommand, ["restore", file, "--config", config]);
  assert.equal(again.code, 1);
  assert.match(again.stderr, /stop Sealpost/);

  await takeAway(config);
  const held = await sealpostJson<Restored>(config, ["restore", file, "--published", "/none"]);
  assert.equal(held.isHeld, true);
  const keyserver = ["serve", "--role", "keyserver", "--config", config];
  const refused = await run(sealpostCommand, keyserver);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /restore --confirm/);
  await sealpost(config, ["restore", "--confirm"]);
  await using _serving = await serve("keyserver");
}

async function inFolder(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), "sealpost-drill-"));
  try {
    await work(dir);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

test("sqlite: a restored backup has the mail and keys of its time, and revokes what was revoked since", async () => {
  await inFolder(async (dir) => {
    const path = join(dir, "sealpost.db");
    let count = 0;
    await drill(dir, { engine: "sqlite", path }, async () => {
      count += 1;
      await rename(path, `${path}.${String(count)}`);
      for (const end of ["-wal", "-shm"]) await rm(`${path}${end}`, { force: true });
    });
  });
});

test("postgres: a restored backup has the mail and keys of its time, and revokes what was revoked since", async () => {
  await inFolder(async (dir) => {
    await using server = await startPostgres();
    let url = await server.newDatabase();
    await drill(dir, { engine: "postgres", url }, async (config) => {
      const next = await server.newDatabase();
      const text = await readFile(config, "utf8");
      await writeFile(config, text.replaceAll(url, next));
      url = next;
    });
  });
});

/** A message with this body, as its mailbox stores it. @returns the name of its blob. */
async function storeBody(config: string, octets: Uint8Array): Promise<string> {
  await using vault = await openVault(await loadConfig(config));
  const blob = await vault.blobs.put(octets);
  const account = await idAt(vault.store, addressOf(READER));
  await insertMailboxMessage(vault.store, account, { ...mailboxRow(blob.id), blob });
  return blob.id;
}

async function readBody(config: string, id: string): Promise<Uint8Array | undefined> {
  await using vault = await openVault(await loadConfig(config));
  return await vault.blobs.read(id);
}

async function drillBodies(
  dir: string,
  database: Readonly<Record<string, string>>,
  takeAway: (config: string) => Promise<void>,
): Promise<void> {
  const bodies = join(dir, "bodies");
  const storage = { bodies: "folder", bodies_folder: bodies };
  const { config } = await makeLoneServer(dir, database, { storage });
  const [one, two] = [randomBytes(1000), randomBytes(2_000_000)];
  const ids = [await storeBody(config, one), await storeBody(config, two)];
  const { draft, attachment } = await withDrafts(config, async (drafts) => {
    const begun = await saved(drafts, written("first"));
    return { draft: begun, attachment: await attached(drafts, begun.id, two) };
  });
  const file = join(dir, "backup");
  const made = await sealpostJson<object>(config, ["backup", file]);
  assert.partialDeepStrictEqual(made, { bodies: 4, missingBodies: [] });
  assert.equal((await stat(`${file}.bodies`)).mode & 0o777, 0o700);
  await storeBody(config, randomBytes(10));
  await takeAway(config);

  // Bodies of another database: a sweep would delete them.
  const refused = await run(sealpostCommand, ["restore", file, "--config", config]);
  assert.equal(refused.code, 1);
  assert.match(refused.stderr, /move that folder away with its database/);
  await rename(bodies, `${bodies}.old`);
  const restored = await sealpostJson<object>(config, ["restore", file]);
  assert.partialDeepStrictEqual(restored, { missingBodies: 0 });
  assert.deepEqual(await readBody(config, ids[0] ?? ""), new Uint8Array(one));
  assert.equal(Buffer.compare((await readBody(config, ids[1] ?? "")) ?? one, two), 0);

  await withDrafts(config, async (drafts) => {
    const read = await drafts.readAttachment(draft.id, attachment.id);
    assert(read.kind === "attachment" && Buffer.compare(read.octets, two) === 0);
    assert.equal((await drafts.read(draft.id)).kind, "draft");
  });

  // A body that is not in the backup is named, and the others come back.
  await takeAway(config);
  await rm(bodies, { recursive: true });
  await rm(fileOf(`${file}.bodies`, ids[0] ?? ""));
  const again = await sealpostJson<object>(config, ["restore", file]);
  assert.partialDeepStrictEqual(again, { missingBodies: 1 });
  await assert.rejects(readBody(config, ids[0] ?? ""), /is missing: put it back from a backup/);
  const next = await sealpostJson<object>(config, ["backup", `${file}.2`]);
  assert.partialDeepStrictEqual(next, { bodies: 3, missingBodies: [ids[0]] });
}

test("sqlite: a backup has the bodies that its database names, and a restore puts them back", async () => {
  await inFolder(async (dir) => {
    const path = join(dir, "sealpost.db");
    await drillBodies(dir, { engine: "sqlite", path }, async () => {
      for (const end of ["", "-wal", "-shm"]) await rm(`${path}${end}`, { force: true });
    });
  });
});

test("postgres: a backup has the bodies that its database names, and a restore puts them back", async () => {
  await inFolder(async (dir) => {
    await using server = await startPostgres();
    let url = await server.newDatabase();
    await drillBodies(dir, { engine: "postgres", url }, async (config) => {
      const next = await server.newDatabase();
      await writeFile(config, (await readFile(config, "utf8")).replaceAll(url, next));
      url = next;
    });
  });
});

test("a restore without the published file holds publication each time, until somebody confirms it", async () => {
  await inFolder(async (dir) => {
    const path = join(dir, "sealpost.db");
    const { config } = await makeLoneServer(dir, { engine: "sqlite", path });
    const file = join(dir, "backup");
    await sealpost(config, ["backup", file]);
    await sealpost(config, ["key", "revoke", READER, "--reason", "compromised"]);
    const published = `${path}.published`;
    await rm(published);
    // What an interrupted restore leaves.
    await writeFile(`${path}.restoring`, "half a database");
    for (const _time of [1, 2]) {
      for (const end of ["", "-wal", "-shm"]) await rm(`${path}${end}`, { force: true });
      const restored = await sealpostJson<Restored>(config, ["restore", file]);
      assert.equal(restored.isHeld, true);
      assert.equal(existsSync(published), false);
      await sealpost(config, ["account", "list"]);
      await sealpost(config, ["account", "policy", READER, "off"]);
      assert.equal(existsSync(published), false);
    }
    const left = (await readdir(dir)).filter((name) => name.includes("restoring"));
    assert.deepEqual(left, []);
    await sealpost(config, ["restore", "--confirm"]);
    assert.equal(existsSync(published), true);
  });
});

test("a backup from before a rotation is refused without its service key, which is named everywhere", async () => {
  await inFolder(async (dir) => {
    const path = join(dir, "sealpost.db");
    const { config } = await makeLoneServer(dir, { engine: "sqlite", path });
    const keyFile = join(dir, "secrets/service.key");
    const own = await readFile(keyFile);
    const file = join(dir, "backup");
    await sealpost(config, ["backup", file]);
    await rename(path, `${path}.old`);
    for (const end of ["-wal", "-shm"]) await rm(`${path}${end}`, { force: true });

    await writeFile(keyFile, randomBytes(32));
    const told = /the service key [0-9a-f]{16} is not here; put it back from its own backup/;
    const refused = await run(sealpostCommand, ["restore", file, "--config", config]);
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, told);
    const left = (await readdir(dir)).filter((name) => name.startsWith("sealpost.db"));
    assert.deepEqual(left.toSorted(), ["sealpost.db.old", "sealpost.db.published"]);

    // Somebody restored it all the same.
    await rename(`${path}.old`, path);
    const list = ["mail", "list", READER, "--password-stdin", "--config", config];
    const closed = await run(sealpostCommand, list, { input: PASSWORD });
    assert.equal(closed.code, 1);
    assert.match(closed.stderr, told);
    assert.doesNotMatch(closed.stderr, /account (reset|recover)/);
    const verified = await run(sealpostCommand, ["audit", "verify", "--config", config]);
    assert.equal(verified.code, 1);
    assert.match(String(verified.stdout), /^NOT CHECKED: the service key [0-9a-f]{16} is not here/);
    await rm(path);

    // What an operator says where it is lost for good.
    await writeFile(`${keyFile}.lost`, "");
    await sealpost(config, ["restore", file]);
    await rm(`${keyFile}.lost`);
    for (const end of ["", "-wal", "-shm"]) await rm(`${path}${end}`, { force: true });

    await writeFile(`${keyFile}.former`, own, { mode: 0o600 });
    await sealpost(config, ["restore", file]);
  });
});

test("an older program refuses a newer database", async () => {
  await inFolder(async (dir) => {
    const path = join(dir, "sealpost.db");
    const { config } = await makeLoneServer(dir, { engine: "sqlite", path });
    const change = async (statement: string): Promise<void> => {
      await runOk("sqlite3", [path, statement]);
    };
    await change("insert into migrations values ('9999-later')");
    for (const command of [["account", "list"], ["account", "policy", READER, "off"], ["serve"]]) {
      const { code, stderr } = await run(sealpostCommand, [...command, "--config", config]);
      assert.equal(code, 1);
      assert.match(stderr, /made by a newer version of Sealpost \(it has 9999-later\)/);
    }
  });
});
