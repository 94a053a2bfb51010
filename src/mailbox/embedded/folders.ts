/** Folders of a mailbox in our own database. Names of own folders are closed to all but the reader. */
import { randomUUID } from "node:crypto";

import { utf8 } from "../../base/bytes.ts";
import { holdAccount } from "../../store/accounts/account-locks.ts";
import {
  deleteFolder,
  holdFolder,
  insertFolder,
  readFolderFigures,
  selectFolders,
  updateFolderName,
  type FolderRow,
} from "../../store/mailbox/folders.ts";
import { beginChange } from "../../store/mailbox/mailboxes.ts";
import type { Store } from "../../store/store.ts";
import type { AccountId } from "../../words/account.ts";
import type { FolderRefusal } from "../folder.ts";
import { STANDARD_FOLDERS, standardFolder, type Folder, type FolderId } from "../mailbox.ts";
import type { EmbeddedDeps } from "./embedded-deps.ts";
import type { MailboxKeys } from "./mailbox-keys.ts";

/** Maximum number of folders that a user may add. */
const MAX_FOLDERS = 500;
/** Maximum length of a folder's name, in UTF-16 units. */
const MAX_NAME = 100;

/** A mailbox, and the keys that open what it keeps beside messages. */
export type At = { readonly account: AccountId; readonly keys: MailboxKeys | undefined };

/** The standard folders, then the reader's own by name. */
export async function listFolders(store: Store, { account, keys }: At): Promise<readonly Folder[]> {
  const figures = await readFolderFigures(store, account);
  const figuresOf = (id: string) => figures.get(id) ?? { messages: 0, unseen: 0 };
  const standard = STANDARD_FOLDERS.map((word) => {
    return { id: standardFolder(word), standard: word, name: undefined, ...figuresOf(word) };
  });
  const own = (await selectFolders(store, account)).map((row) => {
    const name = nameOf(row, keys);
    return { id: row.id as FolderId, standard: undefined, name, ...figuresOf(row.id) };
  });
  const byName = (a: Folder, b: Folder): number => (a.name ?? "").localeCompare(b.name ?? "");
  return [...standard, ...own.toSorted(byName)];
}

/** Does `work` on messages that come into a folder, which stays until that is done. */
export async function withFolder<Value>(
  store: Store,
  account: AccountId,
  id: FolderId,
  work: (tx: Store) => Promise<Value>,
): Promise<{ readonly kind: "done"; readonly value: Value } | { readonly kind: "no-folder" }> {
  return store.transaction(async (tx) => {
    if (!isStandard(id) && !(await holdFolder(tx, account, id))) return { kind: "no-folder" };
    return { kind: "done", value: await work(tx) };
  });
}

function isStandard(id: FolderId): boolean {
  return STANDARD_FOLDERS.some((word) => word === id);
}

type Deps = Pick<EmbeddedDeps, "store" | "clock">;

/** Adds a folder. Names are compared as people see them: letters alone differ, not their case. */
export async function addFolder(
  { store, clock }: Deps,
  { account, keys }: At,
  given: string,
): Promise<{ readonly kind: "added"; readonly id: FolderId } | FolderRefusal> {
  if (keys === undefined) return { kind: "closed" };
  const name = readName(given);
  if (name === undefined) return { kind: "bad-name" };
  return store.transaction(async (tx) => {
    if ((await holdAccount(tx, account)) !== "open") return { kind: "closed" };
    await beginChange(tx, account);
    const rows = await selectFolders(tx, account);
    if (rows.length >= MAX_FOLDERS) return { kind: "too-many" };
    if (isTaken(rows, name, keys)) return { kind: "name-taken" };
    const id = randomUUID();
    const { key, octets } = keys.wrap({ kind: "folder", id }, utf8(name));
    await insertFolder(tx, account, { id, key, name: octets, createdAt: clock.now() });
    return { kind: "added", id: id as FolderId };
  });
}

/** Gives an own folder another name. */
export async function renameFolder(
  { store }: Pick<Deps, "store">,
  { account, keys }: At,
  id: FolderId,
  given: string,
): Promise<{ readonly kind: "renamed" } | FolderRefusal> {
  if (keys === undefined) return { kind: "closed" };
  const name = readName(given);
  if (name === undefined) return { kind: "bad-name" };
  return store.transaction(async (tx) => {
    if (!(await holdFolder(tx, account, id))) return { kind: "no-folder" };
    await beginChange(tx, account);
    const rows = await selectFolders(tx, account);
    const others = rows.filter((row) => row.id !== id);
    if (isTaken(others, name, keys)) return { kind: "name-taken" };
    const { key, octets } = keys.wrap({ kind: "folder", id }, utf8(name));
    await updateFolderName(tx, account, { id, key, name: octets });
    return { kind: "renamed" };
  });
}

/** Takes the names of own folders under the present key; those that do not open stay as they are. */
export async function convertNames(
  store: Store,
  { account, keys }: { readonly account: AccountId; readonly keys: MailboxKeys },
): Promise<void> {
  const isOther = ({ key }: FolderRow): boolean => key !== keys.present?.fingerprint;
  for (const { id } of (await selectFolders(store, account)).filter(isOther)) {
    await store.transaction(async (tx) => {
      if (!(await holdFolder(tx, account, id))) return;
      const row = (await selectFolders(tx, account)).find((one) => one.id === id);
      const name = row && nameOf(row, keys);
      if (name === undefined) return;
      const { key, octets } = keys.wrap({ kind: "folder", id }, utf8(name));
      await updateFolderName(tx, account, { id, key, name: octets });
    });
  }
}

/** Removes an own folder that shows nothing. What was removed from it is restored into the inbox. */
export async function removeFolder(
  { store }: Pick<Deps, "store">,
  { account }: At,
  id: FolderId,
): Promise<{ readonly kind: "removed" } | FolderRefusal> {
  return store.transaction(async (tx) => {
    if (!(await holdFolder(tx, account, id))) return { kind: "no-folder" };
    await beginChange(tx, account);
    const figures = (await readFolderFigures(tx, account)).get(id);
    if (figures !== undefined && figures.messages > 0) return { kind: "not-empty" };
    await deleteFolder(tx, account, id, standardFolder("inbox"));
    return { kind: "removed" };
  });
}

function nameOf({ id, key, name }: FolderRow, keys: MailboxKeys | undefined): string | undefined {
  const octets = keys?.open({ kind: "folder", id }, { key, octets: name });
  return octets && Buffer.from(octets).toString();
}

/** Without control characters and without blanks around it; undefined when nothing is left, or too much. */
function readName(given: string): string | undefined {
  const name = given.normalize("NFC").trim();
  const isUsable = name !== "" && name.length <= MAX_NAME && !/\p{C}/u.test(name);
  return isUsable ? name : undefined;
}

function isTaken(rows: readonly FolderRow[], name: string, keys: MailboxKeys): boolean {
  const folded = name.toLowerCase();
  const isStandardName = STANDARD_FOLDERS.some((word) => word === folded);
  return isStandardName || rows.some((row) => nameOf(row, keys)?.toLowerCase() === folded);
}
