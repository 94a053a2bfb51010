/** Databases with their service keys, and copies of both as they stand. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { cp, mkdtemp, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { startPostgres } from "../../lab/postgres.ts";
import { newServiceRoot } from "../../src/vault/service-key.ts";
import type { Engine, StoreOptions } from "../../src/store/store.ts";

export type Place = { readonly database: StoreOptions; readonly keyDir: string };

export type Places = AsyncDisposable & {
  readonly make: () => Promise<Place>;
  /** Nobody may have the original open. */
  readonly copy: (from: Place) => Promise<Place>;
  /** Deletes a place that nobody has open. */
  readonly remove: (place: Place) => Promise<void>;
};

const run = promisify(execFile);

/** Places in a folder, which the caller deletes; a server is stopped on dispose. */
export async function openPlaces(engine: Engine, dir: string): Promise<Places> {
  return engine === "sqlite" ? sqlitePlaces(dir) : postgresPlaces(dir);
}

/** Where the service key of a place lies. */
export function keyFileOf({ keyDir }: Pick<Place, "keyDir">): string {
  return join(keyDir, "service.key");
}

async function newKeyDir(dir: string): Promise<string> {
  const keyDir = await mkdtemp(join(dir, "place-"));
  using root = newServiceRoot();
  await writeFile(keyFileOf({ keyDir }), root.reveal(), { mode: 0o600 });
  return keyDir;
}

async function copyKeyDir(dir: string, from: string): Promise<string> {
  const keyDir = await mkdtemp(join(dir, "copy-"));
  await cp(from, keyDir, { recursive: true, preserveTimestamps: true });
  return keyDir;
}

function sqlitePlaces(dir: string): Places {
  const place = (keyDir: string): Place => ({
    keyDir,
    database: { engine: "sqlite", path: join(keyDir, "sealpost.db") },
  });
  return {
    make: async () => place(await newKeyDir(dir)),
    copy: async ({ keyDir }) => place(await copyKeyDir(dir, keyDir)),
    remove: async ({ keyDir }) => rm(keyDir, { recursive: true }),
    [Symbol.asyncDispose]: async () => undefined,
  };
}

async function postgresPlaces(dir: string): Promise<Places> {
  const server = await startPostgres();
  let copies = 0;
  return {
    make: async () => ({
      keyDir: await newKeyDir(dir),
      database: { engine: "postgres", url: await server.newDatabase() },
    }),
    copy: async ({ keyDir, database }) => {
      assert(database.engine === "postgres");
      copies += 1;
      const url = new URL(database.url);
      const name = `copy${String(copies)}`;
      const host = url.searchParams.get("host") ?? "";
      const args = ["-h", host, "-U", "app", "-T", url.pathname.slice(1), name];
      await run("/usr/lib/postgresql/15/bin/createdb", args);
      url.pathname = `/${name}`;
      const copied = { engine: "postgres", url: url.href } as const;
      return { keyDir: await copyKeyDir(dir, keyDir), database: copied };
    },
    remove: async ({ keyDir, database }) => {
      assert(database.engine === "postgres");
      const url = new URL(database.url);
      const args = ["--force", "-h", url.searchParams.get("host") ?? "", "-U", "app"];
      await run("/usr/lib/postgresql/15/bin/dropdb", [...args, url.pathname.slice(1)]);
      await rm(keyDir, { recursive: true });
    },
    [Symbol.asyncDispose]: async () => server[Symbol.asyncDispose](),
  };
}
