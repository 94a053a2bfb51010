/**
 * A Maildir with the folders of Maildir++. A message gets its place in `cur` when all of it is on the disk, under a name that holds
 * its ID, so that an export that was interrupted knows what it has written. Lines end with LF, as programs on Unix expect.
 */
import { mkdir, open, readdir, rename, rm, utimes } from "node:fs/promises";
import { join } from "node:path";

import { toUnixSeconds } from "../../base/time.ts";
import { FOLDER_MODE, syncFolder } from "../../blobs/body-files.ts";
import { serializeHeader } from "../../mail/header.ts";
import { holdsOnlyOurs, type ExportFolder, type TargetTaken } from "./export-folder.ts";
import type { ExportTarget, ToWrite } from "./export-target.ts";
import { keywordsField, maildirInfo } from "./file-flags.ts";
import { maildirFolder } from "./folder-names.ts";
import { withLf } from "./mbox-lines.ts";

const FILE_MODE = 0o600;
/** The unique part of a name: when the message came, its ID, and who wrote the file. */
const NAME = /^\d+\.([0-9a-f-]{36})\.sealpost(?::|$)/;

/** Opens the Maildir in a folder that an export may write into. */
export async function openMaildir({ at, path }: ExportFolder): Promise<ExportTarget | TargetTaken> {
  const written = new Set<string>();
  for (const folder of await foldersIn(at)) {
    if (!(await holdsOnlyOurs(folder))) return { kind: "target-taken", path, why: "changed" };
    for (const place of ["cur", "new"]) {
      for (const id of await idsIn(join(folder, place))) written.add(id);
    }
    await removeUnfinished(join(folder, "tmp"));
  }
  // Programs take a folder without it for no Maildir, also where only a folder below is exported.
  let folder = await makeFolder(at, "");
  return {
    has: (id) => written.has(id),
    beginFolder: async (name) => {
      folder = await makeFolder(at, maildirFolder(name));
    },
    write: async (mail) => {
      await writeMessage(folder, mail);
      written.add(mail.id);
    },
    finish: async () => Promise.resolve(),
    [Symbol.asyncDispose]: async () => Promise.resolve(),
  };
}

/** The Maildir itself, and the folders below it. */
async function foldersIn(path: string): Promise<readonly string[]> {
  const below = await readdir(path, { withFileTypes: true });
  const folders = below.filter((one) => one.isDirectory() && one.name.startsWith("."));
  return [path, ...folders.map(({ name }) => join(path, name))];
}

async function idsIn(path: string): Promise<readonly string[]> {
  const names = await readdir(path).catch(() => []);
  return names.flatMap((name) => NAME.exec(name)?.[1] ?? []);
}

async function removeUnfinished(path: string): Promise<void> {
  const names = await readdir(path).catch(() => []);
  for (const name of names.filter((one) => NAME.test(one))) await rm(join(path, name));
}

async function makeFolder(root: string, name: string): Promise<string> {
  const folder = join(root, name);
  for (const place of ["cur", "new", "tmp"]) {
    await mkdir(join(folder, place), { recursive: true, mode: FOLDER_MODE });
  }
  if (name !== "") {
    // Maildir++: by this file programs know a folder from a Maildir of its own.
    await using _mark = await open(join(folder, "maildirfolder"), "a", FILE_MODE);
  }
  await syncFolder(folder);
  await syncFolder(root);
  return folder;
}

async function writeMessage(folder: string, mail: ToWrite): Promise<void> {
  const { id, message, receivedAt, flags, keywords, isDraft } = mail;
  const unique = `${String(toUnixSeconds(receivedAt))}.${id}.sealpost`;
  const unfinished = join(folder, "tmp", unique);
  const fields = withLf(serializeHeader(keywordsField(keywords)));
  await using file = await open(unfinished, "wx", FILE_MODE);
  await file.writeFile(Buffer.from(fields + withLf(message), "latin1"));
  await file.sync();
  await utimes(unfinished, receivedAt, receivedAt);
  await rename(unfinished, join(folder, "cur", `${unique}${maildirInfo(flags, isDraft)}`));
  await syncFolder(join(folder, "cur"));
}
