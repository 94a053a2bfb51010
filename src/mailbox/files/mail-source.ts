/**
 * Mail in files: an mbox file, a folder of mbox files, a Maildir or a folder of Maildirs. Its owner may change it while it is
 * read, and whoever reads it may be root: no link is followed, and nothing is read to which everybody may write.
 */
import type { Dirent } from "node:fs";
import { lstat, opendir, readdir } from "node:fs/promises";
import { basename, join, resolve } from "node:path";

import { parseHeader } from "../../mail/header.ts";
import { toCrlf } from "../../mail/mail.ts";
import { marksOfFields, marksOfName, type FileMarks } from "./file-flags.ts";
import { standardName, folderOfMaildir, folderOfMbox, MBOX_ENDING } from "./folder-names.ts";
import { readMbox } from "./mbox-reader.ts";
import { readOpenFile, type OpenFile } from "./ordinary-file.ts";
import {
  holdWithin,
  openRoot,
  openWithin,
  type UnsafeRoot,
  type WhyNotRead,
} from "./source-places.ts";

/** A message, with CRLF, or why a place holds none. `place` names the file, for people. */
export type SourceMail =
  | {
      readonly kind: "message";
      readonly place: string;
      readonly message: Uint8Array;
      readonly marks: FileMarks;
      /** By the line before it. */
      readonly receivedAt: Date | undefined;
      /** When its file was written. */
      readonly writtenAt: Date | undefined;
    }
  /** `moved`: another program moved or deleted it meanwhile. */
  | { readonly kind: "too-large" | "no-message" | "moved" | WhyNotRead; readonly place: string };

/** A folder of mail in files; `name`: as people see it. */
export type SourceFolder = {
  readonly name: string;
  readonly mail: () => AsyncGenerator<SourceMail>;
};

/** The folders at a path, to be read until it is disposed. */
export type Source = AsyncDisposable & {
  readonly kind: "source";
  readonly folders: readonly SourceFolder[];
};

/** How a source is read. `owner`: the user of the system to whom it belongs. */
type Reading = { readonly maxBytes: number; readonly owner: number };

/** `at`: how it is reached. `shown`: how people name it. */
type Place = { readonly at: string; readonly shown: string };

/** Why nothing is read. */
export type NoSource =
  | { readonly kind: "no-mail-here"; readonly path: string }
  | ({ readonly kind: "source-unsafe"; readonly path: string } & UnsafeRoot);

/** Opens what is at a path. `maxBytes`: of the largest message that is read. */
export async function openSource(path: string, maxBytes: number): Promise<Source | NoSource> {
  const root = await openRoot(resolve(path));
  if (root === undefined) return { kind: "no-mail-here", path };
  if ("leadsTo" in root) return { kind: "source-unsafe", path, ...root };
  const reading = { maxBytes, owner: root.stats.uid };
  const folders =
    "handle" in root
      ? [mboxFolder(path, () => mailOfMbox(root, path, maxBytes))]
      : await foldersIn({ at: root.at, shown: path }, reading);
  if (folders.length > 0) {
    const dispose = async () => root[Symbol.asyncDispose]();
    return { kind: "source", folders, [Symbol.asyncDispose]: dispose };
  }
  await root[Symbol.asyncDispose]();
  return { kind: "no-mail-here", path };
}

async function foldersIn(root: Place, reading: Reading): Promise<readonly SourceFolder[]> {
  const isOne = await isMaildir(root.at);
  const inbox = { name: standardName("inbox"), mail: () => mailOfMaildir(root, reading) };
  const entries = await readdir(root.at, { withFileTypes: true });
  const below: SourceFolder[] = [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const folder = await folderAt(within(root, entry.name), entry, isOne, reading);
    if (folder !== undefined) below.push(folder);
  }
  return isOne ? [inbox, ...below] : below;
}

/** A folder of Maildir++ below a Maildir, or a Maildir or an mbox file below another folder. */
async function folderAt(
  place: Place,
  entry: Dirent,
  isBelowMaildir: boolean,
  reading: Reading,
): Promise<SourceFolder | undefined> {
  const { name } = entry;
  const mayBeMaildir = !isBelowMaildir || name.startsWith(".");
  if (mayBeMaildir && entry.isDirectory() && (await isMaildir(place.at))) {
    const mail = (): AsyncGenerator<SourceMail> => mailOfSubMaildir(place, reading);
    return { name: folderOfMaildir(name.replace(/^\./, "")), mail };
  }
  const isMbox = !isBelowMaildir && name.endsWith(MBOX_ENDING) && !entry.isDirectory();
  if (isMbox) return mboxFolder(place.shown, () => mailOfMboxAt(place, reading));
  // It may be a folder of mail: whoever imports is told that it is not read.
  const isLink = mayBeMaildir && entry.isSymbolicLink();
  return isLink ? { name, mail: () => notRead(place) } : undefined;
}

/** A link in place of `cur` counts as well: then it is named as what is not read. */
async function isMaildir(path: string): Promise<boolean> {
  const cur = await lstat(join(path, "cur")).catch(() => undefined);
  return cur !== undefined && (cur.isDirectory() || cur.isSymbolicLink());
}

function within({ at, shown }: Place, name: string): Place {
  return { at: join(at, name), shown: join(shown, name) };
}

function mboxFolder(path: string, mail: SourceFolder["mail"]): SourceFolder {
  return { name: folderOfMbox(basename(path)), mail };
}

async function* mailOfMboxAt(place: Place, reading: Reading): AsyncGenerator<SourceMail> {
  const opened = await openWithin(place.at, reading.owner);
  if (typeof opened === "string") yield { kind: opened, place: place.shown };
  if (typeof opened !== "object") return;
  await using file = opened;
  yield* mailOfMbox(file, place.shown, reading.maxBytes);
}

async function* mailOfMbox(
  { handle }: OpenFile,
  path: string,
  maxBytes: number,
): AsyncGenerator<SourceMail> {
  for await (const piece of readMbox(handle, maxBytes)) {
    const place = `${path}, up to octet ${String(piece.end)}`;
    if (piece.kind !== "message") {
      yield { kind: piece.kind, place };
      continue;
    }
    const { message, receivedAt } = piece;
    const marks = marksOfFields(parseHeader(message).header);
    yield { kind: "message", place, message, marks, receivedAt, writtenAt: undefined };
  }
}

async function* mailOfSubMaildir(place: Place, reading: Reading): AsyncGenerator<SourceMail> {
  const held = await holdWithin(place.at);
  if (typeof held === "string") yield { kind: held, place: place.shown };
  if (typeof held !== "object") return;
  await using folder = held;
  yield* mailOfMaildir({ at: folder.at, shown: place.shown }, reading);
}

/** In the order in which programs move mail: what goes from `new` to `cur` meanwhile is met in one of them. */
async function* mailOfMaildir(root: Place, reading: Reading): AsyncGenerator<SourceMail> {
  for (const sub of ["new", "cur"]) {
    const place = within(root, sub);
    const held = await holdWithin(place.at);
    if (typeof held === "string") yield { kind: held, place: place.shown };
    if (typeof held !== "object") continue;
    await using folder = held;
    for await (const { name } of await opendir(folder.at)) {
      if (name.startsWith(".")) continue;
      const at = { at: join(folder.at, name), shown: join(place.shown, name) };
      const mail = (await mailIn(at, reading)) ?? (await renamedMail(root, name, reading));
      yield mail ?? { kind: "moved", place: at.shown };
    }
  }
}

/** A message whose file got other flags or another folder meanwhile: what stands before them stays (maildir(5)). */
async function renamedMail(
  root: Place,
  name: string,
  reading: Reading,
): Promise<SourceMail | undefined> {
  const place = within(root, "cur");
  const held = await holdWithin(place.at);
  if (typeof held !== "object") return undefined;
  await using folder = held;
  const names = (await readdir(folder.at)).filter((one) => uniqueIn(one) === uniqueIn(name));
  for (const one of names) {
    const at = { at: join(folder.at, one), shown: join(place.shown, one) };
    const mail = await mailIn(at, reading);
    if (mail !== undefined) return mail;
  }
  return undefined;
}

function uniqueIn(name: string): string {
  return name.replace(/:2,.*$/s, "");
}

/** Undefined: another program took the file away meanwhile. */
async function mailIn(place: Place, reading: Reading): Promise<SourceMail | undefined> {
  const opened = await openWithin(place.at, reading.owner);
  if (opened === undefined) return undefined;
  if (typeof opened === "string") return { kind: opened, place: place.shown };
  await using file = opened;
  const read = await readOpenFile(file, reading.maxBytes);
  if (read.kind === "too-large") return { kind: read.kind, place: place.shown };
  const message = toCrlf(read.bytes);
  const marks = marksOfName(basename(place.shown));
  const writtenAt = file.stats.mtime;
  return { kind: "message", place: place.shown, message, marks, receivedAt: undefined, writtenAt };
}

async function* notRead({ shown }: Place): AsyncGenerator<SourceMail> {
  yield Promise.resolve({ kind: "unreadable", place: shown } as const);
}
