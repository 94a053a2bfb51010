/**
 * The sweep of a folder of bodies: files that no row names are deleted. A run looks at some subfolders; the next one goes on
 * behind them. Several processes may sweep at once.
 */
import { readdir } from "node:fs/promises";
import { join } from "node:path";

import { partsOf } from "../base/parts.ts";
import { after, HOUR, type Clock } from "../base/time.ts";
import { holdBlobFiles, namesWithoutRow } from "../store/mail/blobs.ts";
import type { Store } from "../store/store.ts";
import { blobOf, deleteBody, lookAt, SUBFOLDERS, unlessMissing } from "./body-files.ts";

/** How old a file is before it is swept: its row may still be on its way. */
const MIN_AGE_MS = HOUR;
/** How many names a run looks at before it ends with the subfolder. */
const MAX_SEEN = 50_000;
/** How many files a run deletes before it ends with the subfolder. */
const MAX_DELETED = 10_000;
/** How many names are looked for in the database at once. */
const NAMES_AT_ONCE = 500;
/** How many files are deleted under the lock that keeps whoever writes rows waiting. */
const DELETED_AT_ONCE = 50;

/** How many names a sweep looked at, and how many files it deleted. */
export type Swept = { readonly seen: number; readonly deleted: number };

type Deps = { readonly store: Store; readonly clock: Clock };
type BodyFile = { readonly id: string; readonly path: string };

/** @returns the sweep of a folder, which remembers where it ended. A folder that is not there has nothing to sweep. */
export function sweeper(deps: Deps, folder: string): () => Promise<Swept> {
  // Processes that are restarted often begin at another place each time.
  let next = Math.floor(Math.random() * SUBFOLDERS.length);
  return async () => {
    let swept: Swept = { seen: 0, deleted: 0 };
    for (let count = 0; count < SUBFOLDERS.length; count += 1) {
      const subfolder = SUBFOLDERS[next] ?? "";
      // Before it is swept: a file that cannot be deleted stops one run, and not all of them at the same place.
      next = (next + 1) % SUBFOLDERS.length;
      const { seen, deleted } = await sweepSubfolder(deps, folder, subfolder);
      swept = { seen: swept.seen + seen, deleted: swept.deleted + deleted };
      if (swept.seen >= MAX_SEEN || swept.deleted >= MAX_DELETED) break;
    }
    return swept;
  };
}

async function sweepSubfolder(deps: Deps, folder: string, subfolder: string): Promise<Swept> {
  const path = join(folder, subfolder);
  const names = (await unlessMissing(readdir(path))) ?? [];
  let deleted = 0;
  for (const some of partsOf(names, NAMES_AT_ONCE)) {
    const old = await oldOnes(deps, await unnamedIn(deps.store, subfolder, path, some));
    for (const few of partsOf(old, DELETED_AT_ONCE))
      deleted += await deleteUnnamed(deps.store, few);
  }
  return { seen: names.length, deleted };
}

/** Files of ours that no row names now. A file that is unfinished has no row. */
async function unnamedIn(
  store: Store,
  subfolder: string,
  path: string,
  names: readonly string[],
): Promise<readonly BodyFile[]> {
  const files = names.flatMap((name) => {
    const blob = blobOf(subfolder, name);
    return blob === undefined ? [] : [{ ...blob, path: join(path, name) }];
  });
  const finished = files.filter(({ isFinished }) => isFinished).map(({ id }) => id);
  const unnamed = new Set(await namesWithoutRow(store, finished));
  return files.filter(({ id, isFinished }) => !isFinished || unnamed.has(id));
}

async function oldOnes({ clock }: Deps, files: readonly BodyFile[]): Promise<readonly BodyFile[]> {
  const before = after(clock.now(), -MIN_AGE_MS);
  const old: BodyFile[] = [];
  for (const file of files) {
    const found = await lookAt(file.path);
    if (found !== undefined && found.writtenAt < before) old.push(file);
  }
  return old;
}

/** Whoever writes a row meanwhile waits, and then finds that its octets are gone. @returns how many were deleted. */
async function deleteUnnamed(store: Store, files: readonly BodyFile[]): Promise<number> {
  return store.transaction(async (tx) => {
    await holdBlobFiles(tx);
    const ids = files.map(({ id }) => id);
    const unnamed = new Set(await namesWithoutRow(tx, ids));
    const deleted = files.filter(({ id }) => unnamed.has(id));
    await Promise.all(deleted.map(async ({ path }) => deleteBody(path)));
    return deleted.length;
  });
}
