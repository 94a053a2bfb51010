/**
 * A lock on a file that one process at a time holds, and that the system takes from a process which ends in whatever way. Node has
 * no call for such locks, and SQLite takes them with care (https://www.sqlite.org/lockingv3.html). The file is an empty database,
 * and stays: a process that deleted it would let two others lock two files.
 */
import { closeSync, constants, openSync, truncateSync } from "node:fs";
import { DatabaseSync } from "node:sqlite";

import { codeOf } from "../../base/errors.ts";

const FILE_MODE = 0o600;
/** https://www.sqlite.org/rescode.html */
const SQLITE_BUSY = 5;
const SQLITE_NOTADB = 26;
const PRIMARY_CODE = 0xff;

/** The lock, until it is disposed; undefined: it is held already, here or elsewhere. @throws Error of the system */
export function lockFile(path: string): Disposable | undefined {
  make(path);
  // Nothing waits between these steps, so that this process cannot hold the lock of a file that it cuts.
  return locked(path, () => {
    truncateSync(path);
    return locked(path);
  });
}

/** The file is opened here only where it is new: to close it would end a lock that this process holds (fcntl(2)). */
function make(path: string): void {
  const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL;
  try {
    closeSync(openSync(path, flags, FILE_MODE));
  } catch (error) {
    if (codeOf(error) !== "EEXIST") throw error;
  }
}

/** `ifOther`: what is done where the file holds anything else. */
function locked(path: string, ifOther?: () => Disposable | undefined): Disposable | undefined {
  const database = new DatabaseSync(path, { timeout: 0 });
  try {
    // Nothing is ever committed, so that no journal is needed on the disk.
    database.exec("pragma journal_mode = memory; begin exclusive");
    return { [Symbol.dispose]: () => database.close() };
  } catch (error) {
    database.close();
    const code = Number(error instanceof Error && Reflect.get(error, "errcode")) & PRIMARY_CODE;
    if (code === SQLITE_BUSY) return undefined;
    if (code === SQLITE_NOTADB && ifOther !== undefined) return ifOther();
    throw error;
  }
}
