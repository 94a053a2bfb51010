/** Bodies in a folder: one file each. Several hosts with one database share the folder. */
import { randomUUID } from "node:crypto";
import { access, constants, readdir, statfs } from "node:fs/promises";
import { dirname } from "node:path";

import { AppError, errorText, MissingOctets } from "../base/errors.ts";
import { octetsIn, type Octets } from "../base/large-octets.ts";
import { partsOf } from "../base/parts.ts";
import type { Clock } from "../base/time.ts";
import { namesWithoutRow, selectBlobsElsewhere, type PutBlob } from "../store/mail/blobs.ts";
import type { Store } from "../store/store.ts";
import {
  deleteBody,
  fileOf,
  isSubfolder,
  lookAt,
  readBody,
  subfolderMaker,
  unlessMissing,
  writeBody,
} from "./body-files.ts";
import { sweeper, type Swept } from "./sweep.ts";

/** How many blobs were looked at, and the files that are missing or have another length. */
export type Looked = { readonly seen: number; readonly faulty: readonly string[] };

/** A folder of bodies. Sizes are in octets. */
export type Folder = {
  readonly put: (octets: Octets) => Promise<PutBlob>;
  readonly read: (id: string, sizeBytes: number) => Promise<Uint8Array | undefined>;
  readonly remove: (ids: readonly string[]) => Promise<void>;
  readonly sweep: () => Promise<Swept>;
  readonly lookAtSome: (count: number) => Promise<Looked>;
  readonly roomBytes: () => Promise<number>;
};

/** Maximum number of files that are deleted at once. */
const AT_ONCE = 32;

export function openFolder(
  deps: { readonly store: Store; readonly clock: Clock },
  path: string,
): Folder {
  const makeSubfolder = subfolderMaker(path);
  const isOurs = folderTest(deps.store, path);
  return {
    put: async (octets) => {
      const id = randomUUID();
      const file = fileOf(path, id);
      const sizeBytes = octetsIn(octets);
      await usable(path, async () => {
        await isOurs();
        await makeSubfolder(id.slice(0, 2));
        await writeBody(file, octets);
      });
      const isThere = async () => (await lookAt(file))?.sizeBytes === sizeBytes;
      return { place: "folder", id, sizeBytes, isThere };
    },
    read: async (id, sizeBytes) => readFrom(deps.store, path, id, sizeBytes),
    remove: async (ids) => {
      for (const some of partsOf(ids, AT_ONCE)) {
        await Promise.allSettled(some.map(async (id) => deleteBody(fileOf(path, id))));
      }
    },
    sweep: sweeper(deps, path),
    lookAtSome: async (count) => lookAtSome(deps.store, path, count),
    roomBytes: async () =>
      usable(path, async () => {
        await isOurs();
        // It is made when the first body is put.
        const there = (await lookAt(path)) === undefined ? dirname(path) : path;
        await access(there, constants.R_OK | constants.W_OK | constants.X_OK);
        const { bavail, bsize } = await statfs(there);
        return bavail * bsize;
      }),
  };
}

/**
 * Whether this is the folder that the database speaks of, found out once. Where its disk is not mounted there is an empty
 * one: what is written there would be out of sight later.
 */
function folderTest(store: Store, path: string): () => Promise<void> {
  let isOurs = false;
  return async () => {
    if (isOurs) return;
    const isEmpty = ((await unlessMissing(readdir(path))) ?? []).every((one) => !isSubfolder(one));
    if (isEmpty && (await selectBlobsElsewhere(store, { after: "", limit: 1 })).length > 0) {
      throw new Error("the database names bodies in it, and it is empty: mount its disk");
    }
    isOurs = true;
  };
}

/** @throws AppError in place of what the system says of the folder. */
async function usable<Value>(path: string, work: () => Promise<Value>): Promise<Value> {
  try {
    return await work();
  } catch (cause) {
    throw new AppError(
      `${path}, which keeps the bodies of messages, cannot be written (${errorText(cause)}): make room, or name a ` +
        "folder that the user of Sealpost may write to in [storage] bodies_folder",
      { temporary: true, cause },
    );
  }
}

/** Names are random: those behind a random one are a sample. */
async function lookAtSome(store: Store, path: string, count: number): Promise<Looked> {
  const behind = await selectBlobsElsewhere(store, { after: randomUUID(), limit: count });
  const first = await selectBlobsElsewhere(store, { after: "", limit: count - behind.length });
  const sizes = new Map([...behind, ...first].map(({ id, sizeBytes }) => [id, sizeBytes]));
  const faulty: string[] = [];
  for (const [id, sizeBytes] of sizes) {
    if ((await lookAt(fileOf(path, id)))?.sizeBytes !== sizeBytes) faulty.push(id);
  }
  const deleted = new Set(await namesWithoutRow(store, faulty));
  const left = faulty.filter((id) => !deleted.has(id));
  return { seen: sizes.size, faulty: left.map((id) => fileOf(path, id)) };
}

async function readFrom(
  store: Store,
  path: string,
  id: string,
  sizeBytes: number,
): Promise<Uint8Array | undefined> {
  const file = fileOf(path, id);
  const found = await readBody(file, sizeBytes);
  if (found instanceof Uint8Array) return found;
  // The row is deleted before its file: then there is nothing to complain of.
  if (found === undefined && (await namesWithoutRow(store, [id])).length > 0) return undefined;
  const fault =
    found === undefined
      ? "is missing"
      : `has ${found.sizeBytes} octets and not ${sizeBytes}, as the database says`;
  throw new MissingOctets(
    `${file}, the body of a message, ${fault}: put it back from a backup (docs/operate/backup.md)`,
  );
}
