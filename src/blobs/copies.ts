/**
 * Copies of bodies: into a backup, and from it into the folder. A body never changes, so a second name of its file (a hard
 * link) is a copy; where the disk is another one its octets are copied.
 */
import {
  constants,
  copyFile,
  link,
  mkdir,
  open,
  readdir,
  rename,
  rm,
  writeFile,
} from "node:fs/promises";
import { dirname, join } from "node:path";

import { AppError } from "../base/errors.ts";
import { namesWithoutRow, selectBlobsElsewhere } from "../store/mail/blobs.ts";
import type { Store } from "../store/store.ts";
import {
  fileOf,
  FOLDER_MODE,
  isSubfolder,
  lookAt,
  syncFolder,
  unlessMissing,
} from "./body-files.ts";

/** How many bodies are in the copy, and the names of those that the database has a row of and the source no whole file. */
export type CopiedBodies = { readonly copied: number; readonly missing: readonly string[] };

/** Where the bodies of a backup are: beside its file. */
export function bodiesOfBackup(file: string): string {
  return `${file}.bodies`;
}

/** How many rows are read at once. */
const PAGE = 1000;
/** In the folder while a restore fills it. */
const FILLING = ".restoring";

/**
 * Copies what rows name from one folder to another, which is made if there is anything. What is there already stays. A body
 * that is deleted meanwhile is not missing.
 */
export async function copyBodies(
  store: Store,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<CopiedBodies> {
  const missing: string[] = [];
  const folders = new Set<string>();
  let copied = 0;
  for await (const { id, sizeBytes } of bodiesElsewhere(store)) {
    const target = fileOf(to, id);
    if ((await lookAt(fileOf(from, id)))?.sizeBytes === sizeBytes) {
      folders.add(await madeFolder(dirname(target)));
      if ((await lookAt(target))?.sizeBytes !== sizeBytes) await copyBody(fileOf(from, id), target);
      copied += 1;
    } else missing.push(id);
  }
  const above = folders.size === 0 ? [] : [to, dirname(to)];
  for (const folder of [...folders, ...above]) await syncFolder(folder);
  const deleted = new Set(await namesWithoutRow(store, missing));
  return { copied, missing: missing.filter((id) => !deleted.has(id)) };
}

/**
 * Fills the folder from a backup, in which a restore that was interrupted may have begun. `store` is the restored database.
 * @throws AppError when bodies of another database are there: a sweep would delete them.
 */
export async function restoreBodies(
  store: Store,
  { from, to }: { readonly from: string; readonly to: string },
): Promise<CopiedBodies> {
  await requireRoomForBodies(to);
  const isNeeded = (await selectBlobsElsewhere(store, { after: "", limit: 1 })).length > 0;
  if (!isNeeded) return { copied: 0, missing: [] };
  await mkdir(to, { recursive: true, mode: FOLDER_MODE });
  await writeFile(join(to, FILLING), "");
  const copied = await copyBodies(store, { from, to });
  await rm(join(to, FILLING));
  return copied;
}

/** @throws AppError when the folder has bodies that no interrupted restore put there. */
export async function requireRoomForBodies(folder: string): Promise<void> {
  const names = (await unlessMissing(readdir(folder))) ?? [];
  if (names.includes(FILLING) || !names.some(isSubfolder)) return;
  throw new AppError(
    `${folder} holds bodies already: stop Sealpost, and move that folder away with its database`,
    { temporary: false },
  );
}

async function* bodiesElsewhere(
  store: Store,
): AsyncGenerator<{ readonly id: string; readonly sizeBytes: number }> {
  for (let after = ""; ;) {
    const page = await selectBlobsElsewhere(store, { after, limit: PAGE });
    yield* page;
    const last = page.at(-1);
    if (last === undefined) return;
    after = last.id;
  }
}

async function madeFolder(path: string): Promise<string> {
  await mkdir(path, { recursive: true, mode: FOLDER_MODE });
  return path;
}

/** A file that is there already has another length: a copy that was interrupted. */
async function copyBody(from: string, to: string): Promise<void> {
  await rm(to, { force: true });
  try {
    await link(from, to);
  } catch {
    // Another disk, or a file of another user: whatever it is, the copy says what is wrong.
    const unfinished = `${to}.new`;
    await copyFile(from, unfinished, constants.COPYFILE_FICLONE);
    {
      await using handle = await open(unfinished, "r+");
      await handle.chmod(0o600);
      await handle.sync();
    }
    await rename(unfinished, to);
  }
}
