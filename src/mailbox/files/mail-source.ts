/** Mail in files: an mbox file, a folder of mbox files, a Maildir or a folder of Maildirs. */
import type { Dirent } from "node:fs";
import { opendir, readdir, stat } from "node:fs/promises";
import { basename, join } from "node:path";

import { parseHeader } from "../../mail/header.ts";
import { toCrlf } from "../../mail/mail.ts";
import { marksOfFields, marksOfName, type FileMarks } from "./file-flags.ts";
import { standardName, folderOfMaildir, folderOfMbox, MBOX_ENDING } from "./folder-names.ts";
import { readMbox } from "./mbox-reader.ts";
import { readOrdinaryFile } from "./ordinary-file.ts";

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
  | { readonly kind: "too-large" | "no-message" | "unreadable"; readonly place: string };

/** A folder of mail in files; `name`: as people see it. */
export type SourceFolder = {
  readonly name: string;
  readonly mail: () => AsyncGenerator<SourceMail>;
};

/** The folders at a path; undefined where there is no mail. `maxBytes`: of the largest message that is read. */
export async function openSource(
  path: string,
  maxBytes: number,
): Promise<readonly SourceFolder[] | undefined> {
  const stats = await stat(path).catch(() => undefined);
  if (stats?.isFile() === true) return [mboxFolder(path, maxBytes)];
  if (stats?.isDirectory() !== true) return undefined;
  const isOne = await isMaildir(path);
  const root = isOne ? [maildirFolderAt(path, standardName("inbox"), maxBytes)] : [];
  const entries = await readdir(path, { withFileTypes: true });
  const below: SourceFolder[] = [];
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const folder = await folderAt(path, entry, isOne, maxBytes);
    if (folder !== undefined) below.push(folder);
  }
  const found = [...root, ...below];
  return found.length === 0 ? undefined : found;
}

/** A folder of Maildir++ below a Maildir, or a Maildir or an mbox file below another folder. */
async function folderAt(
  path: string,
  entry: Dirent,
  isBelowMaildir: boolean,
  maxBytes: number,
): Promise<SourceFolder | undefined> {
  const { name } = entry;
  const at = join(path, name);
  const mayBeMaildir = entry.isDirectory() && (!isBelowMaildir || name.startsWith("."));
  if (mayBeMaildir && (await isMaildir(at))) {
    return maildirFolderAt(at, folderOfMaildir(name.replace(/^\./, "")), maxBytes);
  }
  const isMbox = !isBelowMaildir && entry.isFile() && name.endsWith(MBOX_ENDING);
  return isMbox ? mboxFolder(at, maxBytes) : undefined;
}

async function isMaildir(path: string): Promise<boolean> {
  return (await stat(join(path, "cur")).catch(() => undefined))?.isDirectory() === true;
}

function mboxFolder(path: string, maxBytes: number): SourceFolder {
  return { name: folderOfMbox(basename(path)), mail: () => mailOfMbox(path, maxBytes) };
}

async function* mailOfMbox(path: string, maxBytes: number): AsyncGenerator<SourceMail> {
  for await (const piece of readMbox(path, maxBytes)) {
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

function maildirFolderAt(path: string, name: string, maxBytes: number): SourceFolder {
  return { name, mail: () => mailOfMaildir(path, maxBytes) };
}

async function* mailOfMaildir(path: string, maxBytes: number): AsyncGenerator<SourceMail> {
  for (const sub of ["cur", "new"]) {
    const folder = await opendir(join(path, sub)).catch(() => undefined);
    if (folder === undefined) continue;
    for await (const { name } of folder) {
      const mail = name.startsWith(".") ? undefined : await mailIn(join(path, sub, name), maxBytes);
      if (mail !== undefined) yield mail;
    }
  }
}

/** Undefined: another program took the file away meanwhile. */
async function mailIn(file: string, maxBytes: number): Promise<SourceMail | undefined> {
  const read = await readOrdinaryFile(file, maxBytes);
  switch (read.kind) {
    case "absent":
      return undefined;
    case "unreadable":
    case "too-large":
      return { kind: read.kind, place: file };
    case "read": {
      const writtenAt = (await stat(file).catch(() => undefined))?.mtime;
      const message = toCrlf(read.bytes);
      const marks = marksOfName(basename(file));
      return { kind: "message", place: file, message, marks, receivedAt: undefined, writtenAt };
    }
  }
}
