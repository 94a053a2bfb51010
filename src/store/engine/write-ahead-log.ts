/**
 * SQLite's write-ahead log, which holds what was committed last, is found by its name when the database is opened. A
 * program that takes itself for the last user removes it. This process would then go on writing to a file without a name,
 * and all of it would be gone with the process. So the file that is open is compared with the file that has the name.
 *
 * Closing any descriptor of the database's file drops all locks of this process on it (POSIX, fcntl(2)). Another program
 * then takes itself for the last user. Therefore nothing but SQLite opens that file. This looks at names only.
 */
import { readdirSync, readlinkSync, realpathSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";

const PROCESSES = "/proc";
const DELETED = / \(deleted\)$/;

/** `lost`: what is written now goes to a file that is no longer the database's. */
export type LogState = { readonly kind: "same" } | { readonly kind: "lost"; readonly why: string };

/** What this process has open of the SQLite database at `path`, compared with what has its names. */
export function compareLog(path: string): LogState {
  const file = join(realpathSync(dirname(path)), basename(path));
  const open = openFiles("self");
  if (open === undefined) return { kind: "same" };
  for (const name of [file, `${file}-wal`]) {
    const now = statSync(name, { throwIfNoEntry: false, bigint: true });
    const own = open.filter((one) => one.name === name);
    if (own.length === 0) return { kind: "lost", why: `${name} is not open under its name` };
    const isSame = own.every(({ dev, ino }) => dev === now?.dev && ino === now.ino);
    if (!isSame) return { kind: "lost", why: `${name} was removed or replaced while it was open` };
  }
  return { kind: "same" };
}

/** The processes, as far as this user may see them, that write to a file that lost the name of this database. */
export function processesWithLostLog(path: string): readonly number[] {
  const file = join(realpathSync(dirname(path)), basename(path));
  const current = [file, `${file}-wal`].map((name) => ({
    name,
    now: statSync(name, { throwIfNoEntry: false, bigint: true }),
  }));
  const pids = readdirSync(PROCESSES).filter((name) => /^\d+$/.test(name));
  const isLost = ({ name, dev, ino }: OpenFile): boolean =>
    current.some((one) => one.name === name && (one.now?.dev !== dev || one.now.ino !== ino));
  return pids.filter((pid) => openFiles(pid)?.some(isLost) === true).map(Number);
}

type OpenFile = { readonly name: string; readonly dev: bigint; readonly ino: bigint };

/** Undefined where the system has no such folder, or another user's process has it. */
function openFiles(pid: string): readonly OpenFile[] | undefined {
  const folder = join(PROCESSES, pid, "fd");
  let names: readonly string[];
  try {
    names = readdirSync(folder);
  } catch {
    return undefined;
  }
  return names.flatMap((descriptor) => {
    const link = join(folder, descriptor);
    try {
      const name = readlinkSync(link).replace(DELETED, "");
      const { dev, ino } = statSync(link, { bigint: true });
      return [{ name, dev, ino }];
    } catch {
      return []; // It was closed meanwhile.
    }
  });
}
