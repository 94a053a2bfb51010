/** What the keyserver's process can reach of the database, on both engines; and that what it answers is never old. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { DatabaseSync } from "node:sqlite";

import pg from "pg";

import { makePki, type IssuedCertificate, type Pki } from "../../lab/pki.ts";
import { canonicalAddress, parseAddress } from "../../src/mail/address.ts";
import { parseCertificates } from "../../src/openpgp/certificates/certificate.ts";
import {
  grantsFor,
  KEYSERVER_TABLES,
  restrictToPublished,
  rightsBeyondPublished,
} from "../../src/store/keys/keyserver-role.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import { openPublishedView } from "../../src/store/keys/published-view.ts";
import { openStore, type Store, type StoreOptions } from "../../src/store/store.ts";
import { engines } from "../support/engines.ts";
import {
  startKeyserverProcess,
  type KeyserverProcess,
} from "../support/start-keyserver-process.ts";
import { ask, publishKey, publishLiveKey } from "../support/test-keyserver.ts";

let dir: string;
let pki: Pki;
let tls: IssuedCertificate;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), "sealpost-role-"));
  pki = await makePki(dir);
  tls = await pki.issue(["keys.alpha.test"]);
});
after(async () => rm(dir, { recursive: true }));

const both = engines();
const [sqlite, postgres] = both;

async function migrated(place: StoreOptions): Promise<Store> {
  const store = await openStore(place);
  await migrate(store);
  return store;
}

async function allTables(store: Store): Promise<readonly string[]> {
  const tables = await store.db.introspection.getTables();
  return tables.map(({ name }) => name);
}

test("a restricted SQLite handle prepares reads of published tables and nothing else", async () => {
  assert(sqlite);
  const place = await sqlite.place();
  assert(place.engine === "sqlite");
  await using store = await migrated(place);
  const tables = await allTables(store);
  assert(tables.includes("secret_keys") && tables.includes("slots"));
  const database = new DatabaseSync(place.path, { readOnly: true });
  restrictToPublished(database);
  for (const table of tables) {
    const prepare = (): unknown => database.prepare(`select * from ${table}`).all();
    const isPublished = KEYSERVER_TABLES.some((one) => one === table);
    if (isPublished) prepare();
    else assert.throws(prepare, /prohibited|not authorized/, table);
  }
  for (const sql of [
    "select * from sqlite_schema",
    "select bytes from published_certificates where exists (select 1 from secret_keys)",
    "select fingerprint from published_certificates union select fingerprint from secret_keys",
    "delete from published_certificates",
    "update published_version set version = 0",
    "create temp table x (y)",
    "pragma table_info(secret_keys)",
    "select load_extension('x')",
    "attach database ':memory:' as other",
  ]) {
    assert.throws(() => database.exec(sql), /authorized|prohibited/, sql);
  }
  database.close();
});

test("the view that a keyserver is given has no way around that restriction", async () => {
  assert(sqlite);
  const place = await sqlite.place();
  await using store = await migrated(place);
  await publishKey(store, "ada@alpha.test");
  await using view = openPublishedView(place);
  assert.deepEqual(Object.keys(view).toSorted(), [
    "byAddress",
    "byDirectoryName",
    "byId",
    // It opens the file of that name again, under the same restriction, and takes nothing.
    "refresh",
    "together",
  ]);
  assert.equal(view.refresh.length, 0);
});

/** A database with a role of that name and URLs for both. */
async function postgresWithRole(role: string): Promise<{
  readonly store: Store;
  readonly url: string;
  readonly roleUrl: string;
  readonly execute: (sql: string) => Promise<void>;
}> {
  assert(postgres);
  const place = await postgres.place();
  assert(place.engine === "postgres");
  const { url } = place;
  const store = await migrated(place);
  const execute = async (sql: string): Promise<void> => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    try {
      await client.query(sql);
    } finally {
      await client.end();
    }
  };
  await execute(`create role ${role} login`);
  return { store, url, roleUrl: url.replace("user=app", `user=${role}`), execute };
}

test("what `database grants` prints lets a PostgreSQL role read what is published and nothing else", async () => {
  const { store, roleUrl, execute } = await postgresWithRole("published_only");
  await using _store = store;
  const grants = grantsFor("published_only");
  assert(grants);
  await execute(grants.join("\n"));
  assert.deepEqual(await rightsBeyondPublished(roleUrl), []);
  const client = new pg.Client({ connectionString: roleUrl });
  await client.connect();
  for (const table of await allTables(store)) {
    const isPublished = KEYSERVER_TABLES.some((one) => one === table);
    const read = client.query(`select * from ${table}`);
    if (isPublished) await read;
    else await assert.rejects(read, /permission denied/, table);
  }
  for (const sql of [
    "delete from published_certificates",
    "update published_version set version = 0",
    "create table x (y int)",
  ]) {
    await assert.rejects(client.query(sql), /permission denied/, sql);
  }
  await client.end();
});

test("names of roles that would need quoting are refused", () => {
  for (const name of ["", "Role", "a b", "x; drop table slots", "1a", 'a"b', "a".repeat(64)]) {
    assert.equal(grantsFor(name), undefined, name);
  }
});

test("a keyserver does not start with a role that can read secrets, be it through another role", async () => {
  const { store, url, roleUrl, execute } = await postgresWithRole("too_much");
  await using _store = store;
  await execute((grantsFor("too_much") ?? []).join("\n"));
  const start = async (keyserverUrl: string): Promise<KeyserverProcess> =>
    startKeyserverProcess({
      dir,
      name: "too-much",
      tls,
      database: { engine: "postgres", url, keyserver_url: keyserverUrl },
    });
  await assert.rejects(start(url), /secret_keys[^]*database grants/);
  await execute("grant select (wrapped) on slots to too_much");
  await assert.rejects(start(roleUrl), /it has rights on slots;[^]*database grants/);
  await execute("revoke select (wrapped) on slots from too_much");
  await execute("create role reads_all; grant select on accounts to reads_all");
  await execute("alter role too_much noinherit; grant reads_all to too_much");
  await assert.rejects(start(roleUrl), /it has rights on accounts;/);
  await execute(
    "revoke reads_all from too_much; grant insert on published_certificates to too_much",
  );
  await assert.rejects(start(roleUrl), /it has rights on published_certificates;/);
  await execute("revoke insert on published_certificates from too_much");
  const { certificate } = await publishLiveKey(store, "ada@alpha.test");
  await using running = await start(roleUrl);
  const answer = await ask(running, pki, "/pks/lookup?op=get&search=ada@alpha.test");
  assert.equal(answer.status, 200);
  assert.match(
    answer.headers.get("content-disposition") ?? "",
    new RegExp(certificate.fingerprint),
  );
  assert.doesNotMatch(await readFile(join(dir, "too-much.log"), "utf8"), /"level":40/);
});

test("without a role of its own a keyserver on PostgreSQL starts and warns", async () => {
  assert(postgres);
  const place = await postgres.place();
  assert(place.engine === "postgres");
  await using _store = await migrated(place);
  const database = { engine: "postgres", url: place.url };
  await using _running = await startKeyserverProcess({ dir, name: "warns", tls, database });
  assert.match(await readFile(join(dir, "warns.log"), "utf8"), /"level":40.*database grants ROLE/);
});

const ROTATIONS = 40;

for (const engine of both) {
  test(`what a keyserver process answers is never older than the last commit, on ${engine.engine}`, async () => {
    const place = await engine.place();
    await using store = await migrated(place);
    const database =
      place.engine === "sqlite" ? { path: place.path } : { engine: "postgres", url: place.url };
    const name = `fresh-${engine.engine}`;
    await using running = await startKeyserverProcess({ dir, name, tls, database });
    const address = "ada@alpha.test";
    let live = await publishLiveKey(store, address);
    const byAddress = async (): Promise<string> => {
      const answer = await ask(running, pki, `/pks/lookup?op=get&search=${address}`);
      if (answer.status === 404) return "none";
      const parsed = await parseCertificates(Buffer.from(answer.body));
      assert(parsed.kind === "parsed");
      return parsed.certificates.map(({ fingerprint }) => fingerprint).join();
    };
    for (let turn = 0; turn < ROTATIONS; turn += 1) {
      assert.equal(await byAddress(), live.certificate.fingerprint);
      const { fingerprint } = live.certificate;
      const before304 = await ask(running, pki, `/pks/lookup?op=get&search=${fingerprint}`);
      await live.supersede();
      assert.equal(await byAddress(), "none");
      const tag = before304.headers.get("etag") ?? "";
      const target = `/pks/lookup?op=get&search=${fingerprint}`;
      const changed = await ask(running, pki, target, "GET", [`If-None-Match: ${tag}`]);
      assert.equal(changed.status, 200);
      live = await publishLiveKey(store, address);
    }
  });

  test(`while keys rotate, many who ask at once see one active key, on ${engine.engine}`, async () => {
    const place = await engine.place();
    await using store = await migrated(place);
    await using view = openPublishedView(place);
    const parsed = parseAddress("ada@alpha.test");
    assert(parsed);
    const address = canonicalAddress(parsed);
    await publishKey(store, "ada@alpha.test");
    const next = await publishKey(store, "spare@alpha.test");
    let isDone = false;
    const counts = new Set<number>();
    const asking = Array.from({ length: 20 }, async () => {
      while (!isDone) {
        counts.add((await view.byAddress(address)).length);
        await new Promise<void>((resolve) => {
          setImmediate(resolve);
        });
      }
    });
    for (let turn = 0; turn < ROTATIONS; turn += 1) {
      // The two keys change places, in one transaction as a rotation has it.
      await store.transaction(async ({ db }) => {
        const set = async (from: string, to: string): Promise<unknown> =>
          db
            .updateTable("published_certificates")
            .set({ address: to })
            .where("address", "=", from)
            .execute();
        await set("ada@alpha.test", "between@alpha.test");
        await set("spare@alpha.test", "ada@alpha.test");
        await set("between@alpha.test", "spare@alpha.test");
      });
    }
    isDone = true;
    await Promise.all(asking);
    assert.deepEqual([...counts], [1]);
    assert.equal((await view.byId(next.fingerprint)).length, 1);
  });
}
