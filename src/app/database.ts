/** The database of the configuration, opened: to be made, to serve from, or to look at. */
import { errorText } from "../base/errors.ts";
import type { DatabaseConfig } from "../config/config.ts";
import type { Database } from "../doctor/visit.ts";
import { isMigrated, migrate } from "../store/engine/migrate.ts";
import { openServingStore } from "../store/engine/serving-store.ts";
import { publishedVersion } from "../store/keys/published-version.ts";
import { openStore, type Store } from "../store/store.ts";
import { isOutOfReach } from "./out-of-reach.ts";

/**
 * Opens the database for a process that serves, and brings its tables up to date; makes them where there are none.
 * @throws Error when it cannot be opened.
 */
export async function openToServe(config: DatabaseConfig): Promise<Store> {
  return migrated(await openServingStore(config));
}

/** The store, which is closed where its tables cannot be brought up to date. */
async function migrated(store: Store): Promise<Store> {
  await using opening = new AsyncDisposableStack();
  opening.use(store);
  await migrate(store);
  opening.move();
  return store;
}

/** Makes the tables where there are none, or brings them up to date. @throws Error when the database cannot be opened. */
export async function makeDatabase(config: DatabaseConfig): Promise<void> {
  await using _store = await migrated(await openStore(config));
}

/** Opens the database as it is, to read only. @throws Error when it cannot be opened. */
export async function openReadOnly(config: DatabaseConfig): Promise<Store> {
  return openStore({ ...config, readOnly: true });
}

/** The database for the doctor, to read only: where it cannot be opened, why, and whether that may end by itself. */
export async function openToExamine(config: DatabaseConfig): Promise<Database> {
  try {
    await using opening = new AsyncDisposableStack();
    const store = opening.use(await openReadOnly(config));
    const isReady = await isMigrated(store);
    // False both when tables are missing and when the server is down; only the latter is thrown.
    if (!isReady) await publishedVersion(store).catch(throwIfTemporary);
    opening.move();
    return { kind: "open", store, isMigrated: isReady };
  } catch (thrown) {
    return { kind: "closed", reason: errorText(thrown), isTemporary: isOutOfReach(thrown) };
  }
}

function throwIfTemporary(thrown: unknown): undefined {
  if (isOutOfReach(thrown)) throw thrown;
  return undefined;
}
