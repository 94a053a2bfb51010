/** The thread behind `sqlite-thread.ts`: one request in, one answer out. */
import { parentPort, workerData } from "node:worker_threads";

import { garbageCollector } from "../../base/garbage.ts";
import { portableError } from "./portable-error.ts";
import {
  type HandleHere,
  handleOf,
  type SqliteAnswer,
  type SqliteRequest,
} from "./sqlite-handle.ts";
import { type FromThread, MOVED_OCTETS, type SqliteFile, type ToThread } from "./sqlite-thread.ts";
import { openFile } from "./sqlite.ts";

const port = parentPort;
if (port === null) throw new Error("sqlite-worker.ts runs as a worker of sqlite-thread.ts");

const collectGarbage = garbageCollector();

/** Undefined when the file could not be opened: then the thread ends. */
function opened(): HandleHere | undefined {
  const { path, isReadOnly } = workerData as SqliteFile;
  try {
    const handle = handleOf(openFile(path, isReadOnly), isReadOnly);
    say({ kind: "done", answer: { rows: [] } });
    return handle;
  } catch (error) {
    say({ kind: "failed", error: portableError(error) });
    port?.close();
    return undefined;
  }
}

const handle = opened();
let holdsShared = false;

port.on("message", (told: ToThread) => {
  if (told === "close") {
    handle?.close();
    port.close();
    return;
  }
  answerTo(told);
  holdsShared ||= told.parameters.some(isShared);
  // A thread that waits looks for no garbage, and would hold the memory that a message is in.
  if (!holdsShared || isMoreToCome(told)) return;
  holdsShared = false;
  setImmediate(collectGarbage);
});

function answerTo(request: SqliteRequest): void {
  try {
    if (handle === undefined) throw new Error("the file is not open");
    const answer = handle.run(request);
    say({ kind: "done", answer }, moved(answer));
  } catch (error) {
    say({ kind: "failed", error: portableError(error) });
  }
}

/** Octets of rows are nobody else's. */
function moved({ rows }: SqliteAnswer): readonly ArrayBuffer[] {
  return rows.flatMap((row) =>
    Object.values(row as object).flatMap((value: unknown) =>
      value instanceof Uint8Array && value.length >= MOVED_OCTETS
        ? [value.buffer as ArrayBuffer]
        : [],
    ),
  );
}

function isShared(value: unknown): boolean {
  return value instanceof Uint8Array && value.buffer instanceof SharedArrayBuffer;
}

function isMoreToCome({ sql, place }: SqliteRequest): boolean {
  return place === "first" || (place === "within" && sql !== "commit" && sql !== "rollback");
}

function say(said: FromThread, given: readonly ArrayBuffer[] = []): void {
  port?.postMessage(said, given);
}
