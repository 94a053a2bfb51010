import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";

import { migrate } from "../../src/store/engine/migrate.ts";
import type { Engine, Store, StoreOptions } from "../../src/store/store.ts";
import { openTestStore } from "./tag-keys.ts";
import { startPostgres, type Postgres } from "../../lab/postgres.ts";

/** One of the two engines: `open` gives a store with all tables and no rows, whose database is the test's alone. */
export type TestEngine = {
  readonly engine: Engine;
  readonly open: () => Promise<Store>;
  /** A new empty database, without tables, for tests that open it several times. */
  readonly place: () => Promise<StoreOptions>;
};

/**
 * Both engines; SQLite alone where a fault was put into the source (`test/mutants/`), since one engine notices it as well.
 * Everything is stopped and deleted when the tests of the calling file have run.
 */
export function engines(): readonly TestEngine[] {
  const folder = sqlitePlaces();
  const sqlite = engineOf("sqlite", folder, folder);
  const hasFault = process.env["MUTANT_URL"] !== undefined;
  return hasFault ? [sqlite] : [sqlite, postgresEngine()];
}

type Place = TestEngine["place"];

/** `first`: where a store is opened; its tables are made if they are not there. */
function engineOf(engine: Engine, place: Place, first: Place): TestEngine {
  return {
    engine,
    place,
    open: async () => {
      const store = await openTestStore(await first());
      await migrate(store);
      return store;
    },
  };
}

function sqlitePlaces(): Place {
  const folders: string[] = [];
  after(async () => {
    for (const folder of folders) await rm(folder, { recursive: true, force: true });
  });
  return async () => {
    const folder = await mkdtemp(join(tmpdir(), "sealpost-db-"));
    folders.push(folder);
    return { engine: "sqlite", path: join(folder, "sealpost.db") };
  };
}

/** To copy a database with its tables takes half as long as to make them. */
function postgresEngine(): TestEngine {
  let server: Promise<Postgres> | undefined;
  let migrated: Promise<string> | undefined;
  after(async () => (await server)?.[Symbol.asyncDispose]());
  const newUrl = async (like?: string): Promise<string> =>
    (await (server ??= startPostgres())).newDatabase(like);
  const withTables = async (): Promise<string> => {
    const url = await newUrl();
    await using store = await openTestStore({ engine: "postgres", url });
    await migrate(store);
    return url;
  };
  return engineOf(
    "postgres",
    async () => ({ engine: "postgres", url: await newUrl() }),
    async () => ({ engine: "postgres", url: await newUrl(await (migrated ??= withTables())) }),
  );
}

/** Opens a store of the test's own. */
export type OpenStore = TestEngine["open"];

/** Makes `onBoth(name, work)`: a test of this name on each engine. Called once in a file. */
export function testOnBoth(): (name: string, work: (open: OpenStore) => Promise<void>) => void {
  const all = engines();
  return (name, work) => {
    for (const { engine, open } of all) test(`${engine}: ${name}`, async () => work(open));
  };
}
