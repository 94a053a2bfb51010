import { openStore, type Store, type StoreOptions, storeOver } from "../store.ts";
import { SqliteHandles } from "./sqlite-driver.ts";
import { handleOf } from "./sqlite-handle.ts";
import { openSqliteThread } from "./sqlite-thread.ts";
import { openFile } from "./sqlite.ts";

/**
 * As `openStore`, for a process that answers others while the database works: on SQLite, statements run in threads. One
 * writes, the other reads what is asked outside of transactions. A command has nobody who waits, and a thread takes its
 * time to start.
 */
export async function openServingStore(options: StoreOptions): Promise<Store> {
  if (options.engine === "postgres") return openStore(options);
  const { path } = options;
  // A thread cannot say who may read the file: it is there before one opens it.
  await using _made = await new SqliteHandles(path, async () =>
    Promise.resolve(handleOf(openFile(path, false), false)),
  ).opened();
  const inThread = (isReadOnly: boolean) => async () => openSqliteThread({ path, isReadOnly });
  return storeOver(await new SqliteHandles(path, inThread(false), inThread(true)).opened());
}
