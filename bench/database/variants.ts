/** Where SQLite could work in a process that serves: the ways that were compared (ADR 0023). */
import { setImmediate, setTimeout as sleep } from "node:timers/promises";
import { octetsIn } from "../../src/base/large-octets.ts";
import { openServingStore } from "../../src/store/engine/serving-store.ts";
import { SqliteHandles } from "../../src/store/engine/sqlite-driver.ts";
import { handleOf, type SqliteHandle } from "../../src/store/engine/sqlite-handle.ts";
import { openSqliteThread } from "../../src/store/engine/sqlite-thread.ts";
import { openFile } from "../../src/store/engine/sqlite.ts";
import { openStore, type Store, storeOver } from "../../src/store/store.ts";

export type Variant = {
  readonly name: string;
  readonly open: (path: string) => Promise<Store>;
};

const SQLITE_BUSY = 5;
/** How long a variant goes on asking, and how often. */
const BUSY_MS = 5000;
const RETRY_MS = 10;
const LARGE_OCTETS = 64 * 1024;

export const VARIANTS: readonly Variant[] = [
  { name: "in the loop", open: async (path) => openStore({ engine: "sqlite", path }) },
  {
    name: "in the loop, by turns, locks tried",
    open: async (path) => opened(new SqliteHandles(path, async () => askingAgain(path))),
  },
  {
    name: "one thread",
    open: async (path) => opened(new SqliteHandles(path, inThread(path, false))),
  },
  {
    name: "one thread writes, the loop reads",
    open: async (path) =>
      opened(
        new SqliteHandles(path, inThread(path, false), async () =>
          Promise.resolve(handleOf(openFile(path, true), true)),
        ),
      ),
  },
  {
    name: "one thread writes, another reads",
    open: async (path) => openServingStore({ engine: "sqlite", path }),
  },
];

async function opened(handles: SqliteHandles): Promise<Store> {
  return storeOver(await handles.opened());
}

function inThread(path: string, isReadOnly: boolean): () => Promise<SqliteHandle> {
  return async () => openSqliteThread({ path, isReadOnly });
}

/** SQLite itself does not wait for the lock of another process, and others have a turn after each large value. */
async function askingAgain(path: string): Promise<SqliteHandle> {
  const database = openFile(path, false);
  database.exec("pragma busy_timeout = 0");
  const { run, close, isOver } = handleOf(database, false);
  return Promise.resolve({
    close,
    isOver,
    run: async (request) => {
      for (let waited = 0; ; waited += RETRY_MS) {
        try {
          const answer = run(request);
          const row = Object.values((answer.rows[0] ?? {}) as object) as unknown[];
          if (octetsIn([...request.parameters, ...row]) > LARGE_OCTETS) await setImmediate();
          return answer;
        } catch (error) {
          if (Reflect.get(Object(error) as object, "errcode") !== SQLITE_BUSY || waited >= BUSY_MS)
            throw error;
          await sleep(RETRY_MS);
        }
      }
    },
  });
}
