/**
 * What mail is read from where its owner may put links and files of others: the file or folder that somebody names, and what is
 * below it. The operator names it as root, and must not read anybody's files but those of its owner.
 */
import type { Stats } from "node:fs";
import { lstat, readlink, realpath } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

import { codeOf } from "../../base/errors.ts";
import { holdFolder, placeOf, type HeldFolder } from "./held-folder.ts";
import { openOrdinaryFile, type OpenFile } from "./ordinary-file.ts";

/** `open-to-others`: everybody may write there. */
export type WhyNotRead = "unreadable" | "open-to-others";

const EVERYBODY_WRITES = 0o002;

/** Why a path is not read. `leadsTo`: where it leads without links. */
export type UnsafeRoot = {
  readonly why: "link" | "hard-link" | "open-to-others";
  readonly leadsTo: string;
};

/** The file or the folder at an absolute path, which is what was opened even where a link takes its place at the same time. */
export async function openRoot(
  path: string,
): Promise<OpenFile | HeldFolder | UnsafeRoot | undefined> {
  const found = await lstat(path).catch(() => undefined);
  if (found?.isSymbolicLink() === true) {
    return { why: "link", leadsTo: await realpath(path).catch(() => path) };
  }
  const root =
    found?.isDirectory() === true ? { opened: await holdFolder(path) } : await openFile(path);
  if (root === undefined) return undefined;
  const { opened } = root;
  const leadsTo = await readlink("handle" in opened ? placeOf(opened.handle) : opened.at);
  const why = leadsTo === path ? whyNotRoot(root) : "link";
  if (why === undefined) return opened;
  await opened[Symbol.asyncDispose]();
  return { why, leadsTo };
}

/** `parent`: the folder in which a file was opened; undefined where that is not readable itself. */
type Root =
  | { readonly opened: HeldFolder }
  | { readonly opened: OpenFile; readonly parent: Stats | undefined };

function whyNotRoot(root: Root): UnsafeRoot["why"] | undefined {
  const { stats } = root.opened;
  if ("parent" in root && isOfOthers(stats, root.parent?.uid)) return "hard-link";
  return mayEverybodyWrite(stats) ? "open-to-others" : undefined;
}

/** The folder is the one that the file was found in, whatever takes its place. */
async function openFile(path: string): Promise<Root | undefined> {
  await using folder = await holdFolder(dirname(path)).catch(() => undefined);
  const opened = await openOrdinaryFile(join(folder?.at ?? dirname(path), basename(path)));
  return opened.kind === "open" ? { opened, parent: folder?.stats } : undefined;
}

/** A folder below another; undefined where there is none any more. */
export async function holdWithin(path: string): Promise<HeldFolder | WhyNotRead | undefined> {
  const held = await holdFolder(path).catch((error: unknown) =>
    codeOf(error) === "ENOENT" ? undefined : "unreadable",
  );
  if (typeof held !== "object" || !mayEverybodyWrite(held.stats)) return held;
  await held[Symbol.asyncDispose]();
  return "open-to-others";
}

/** A file of a source that belongs to `owner`; undefined where there is none any more. */
export async function openWithin(
  path: string,
  owner: number,
): Promise<OpenFile | WhyNotRead | undefined> {
  const file = await openOrdinaryFile(path);
  if (file.kind !== "open") return file.kind === "absent" ? undefined : file.kind;
  const why = whyNot(file.stats, owner);
  if (why === undefined) return file;
  await file[Symbol.asyncDispose]();
  return why;
}

function whyNot(stats: Stats, owner: number): WhyNotRead | undefined {
  if (isOfOthers(stats, owner)) return "unreadable";
  return mayEverybodyWrite(stats) ? "open-to-others" : undefined;
}

/** Where the system lets users make hard links to files of others, one to such a file is as good as any link. */
function isOfOthers({ nlink, uid }: Stats, owner: number | undefined): boolean {
  return nlink > 1 && uid !== owner;
}

function mayEverybodyWrite({ mode }: Stats): boolean {
  return (mode & EVERYBODY_WRITES) !== 0;
}
