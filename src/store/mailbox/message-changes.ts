/** What changes messages of a mailbox. Each change takes the mailbox, has a number, and is counted where it is seen. */
import { sql } from "kysely";

import type { AccountId } from "../../words/account.ts";
import { deleteUnusedBlobs, type GoneBlob } from "../mail/blobs.ts";
import type { Store } from "../store.ts";
import { deleteAttachmentsOf } from "./draft-attachments.ts";
import { countInFolder, type FolderFigures } from "./folders.ts";
import { selectById } from "./listing.ts";
import { beginChange, countInMailbox, forgetChanges } from "./mailboxes.ts";
import { isShown, unseenIn, type MailboxRow } from "./message-rows.ts";
import { changeTerms, type WrappedTerms } from "./search-terms.ts";

/** What a change finds: its transaction, its number, and the messages that it is about. */
export type Found = {
  readonly tx: Store;
  readonly change: number;
  readonly rows: readonly MailboxRow[];
};

/** Sets and clears flags (bits) of messages that are shown. @returns the IDs of those that changed. */
export async function changeFlags(
  store: Store,
  account: AccountId,
  ids: readonly string[],
  { set, clear }: { readonly set: number; readonly clear: number },
): Promise<readonly string[]> {
  const flagsOf = ({ flags }: MailboxRow): number => (flags | set) & ~clear;
  const isMeant = (row: MailboxRow): boolean => isShown(row) && flagsOf(row) !== row.flags;
  return changeMessages(store, account, { ids, isMeant }, async ({ tx, change, rows }) => {
    const flags = sql<number>`(flags | ${sql.lit(set)}) & ~${sql.lit(clear)}`;
    await updateRows(tx, account, rows, { flags, change });
    const after = rows.map((row) => ({ ...row, flags: flagsOf(row) }));
    await countShown(tx, account, rows, after);
  });
}

/** Moves messages into a folder that is there. @returns the IDs of those that moved. */
export async function moveMessages(
  store: Store,
  account: AccountId,
  ids: readonly string[],
  folder: string,
): Promise<readonly string[]> {
  const isMeant = (row: MailboxRow): boolean => isShown(row) && row.folder !== folder;
  return changeMessages(store, account, { ids, isMeant }, async ({ tx, change, rows }) => {
    await updateRows(tx, account, rows, { folder, change });
    const after = rows.map((row) => ({ ...row, folder }));
    await countShown(tx, account, rows, after);
  });
}

/** Takes messages out of their folders; they are deleted at `expungeAt`. @returns the IDs of those that went. */
export async function removeMessages(
  store: Store,
  account: AccountId,
  ids: readonly string[],
  expungeAt: Date,
): Promise<readonly string[]> {
  return changeMessages(store, account, { ids, isMeant: isShown }, async ({ tx, change, rows }) => {
    await updateRows(tx, account, rows, { expunge_at: expungeAt.getTime(), change });
    await countShown(tx, account, rows, []);
  });
}

/** Puts removed messages back where they were. @returns the IDs of those that came back. */
export async function restoreMessages(
  store: Store,
  account: AccountId,
  ids: readonly string[],
): Promise<readonly string[]> {
  const isMeant = (row: MailboxRow): boolean => !isShown(row);
  return changeMessages(store, account, { ids, isMeant }, async ({ tx, change, rows }) => {
    await updateRows(tx, account, rows, { expunge_at: 0, change });
    await countShown(tx, account, [], rows);
  });
}

/** What of a message may be written anew. Without `terms` the message is to be indexed once more. */
export type NewContent = Pick<MailboxRow, "key" | "summary" | "state"> & {
  readonly terms?: WrappedTerms | undefined;
};

/** Gives a message another summary and state. False: it is gone, or its summary is no longer the one that was read. */
export async function changeContent(
  store: Store,
  account: AccountId,
  read: Pick<MailboxRow, "id" | "summary">,
  content: NewContent,
): Promise<boolean> {
  const isMeant = ({ summary }: MailboxRow): boolean => Buffer.compare(summary, read.summary) === 0;
  const ids = [read.id];
  const changed = await changeMessages(store, account, { ids, isMeant }, async (found) => {
    const { tx, change, rows } = found;
    const bytes = content.summary.length - read.summary.length;
    const stored_bytes = sql<number>`stored_bytes + ${sql.lit(bytes)}`;
    const { terms, ...row } = content;
    const is_indexed = terms === undefined ? 0 : 1;
    await updateRows(tx, account, rows, { ...row, change, stored_bytes, is_indexed });
    await countInMailbox(tx, account, { messages: 0, bytes });
    for (const { number } of rows)
      await changeTerms(tx, account, { number, written: change }, terms);
  });
  return changed.length > 0;
}

/** Maximum number of messages that are deleted in one transaction. */
const MAX_EXPUNGED = 200;

/** How many messages were deleted, and whose octets outside of the database are to be deleted now. */
export type Expunged = { readonly messages: number; readonly gone: readonly GoneBlob[] };

/** Deletes removed messages whose time has come, some of all accounts; no message: none was left. */
export async function expungeDue(store: Store, now: Date): Promise<Expunged> {
  const due = await store.db
    .selectFrom("mailbox_messages")
    .select(["id", "account"])
    .where("expunge_at", ">", sql.lit(0))
    .where("expunge_at", "<=", now.getTime())
    .orderBy("expunge_at")
    .limit(MAX_EXPUNGED)
    .execute();
  const isMeant = ({ expungeAt }: MailboxRow): boolean =>
    expungeAt !== undefined && expungeAt.getTime() <= now.getTime();
  let messages = 0;
  const gone: GoneBlob[] = [];
  for (const [account, found] of Map.groupBy(due, (row) => row.account as AccountId)) {
    const ids = found.map(({ id }) => id);
    const act = async ({ tx, rows }: Found): Promise<void> => {
      gone.push(...(await deleteRows(tx, account, rows)));
    };
    messages += (await changeMessages(store, account, { ids, isMeant }, act)).length;
  }
  return { messages, gone };
}

/**
 * Deletes messages at once, removed or not; of these, all that are meant. @returns the blobs whose octets must go after the
 * commit.
 */
export async function deleteMessages(
  store: Store,
  account: AccountId,
  ids: readonly string[],
  isMeant: (row: MailboxRow) => boolean = () => true,
): Promise<readonly GoneBlob[]> {
  const gone: GoneBlob[] = [];
  const act = async ({ tx, change, rows }: Found): Promise<void> => {
    await countShown(tx, account, rows.filter(isShown), []);
    // Whoever looks again learns that they are gone, as of removed ones whose undo time is over.
    gone.push(...(await deleteRows(tx, account, rows)));
    await forgetChanges(tx, account, change);
  };
  await changeMessages(store, account, { ids, isMeant }, act);
  return gone;
}

async function deleteRows(
  tx: Store,
  account: AccountId,
  rows: readonly MailboxRow[],
): Promise<readonly GoneBlob[]> {
  const attached = await deleteAttachmentsOf(tx, account, idsOf(rows));
  const deleted = await tx.db
    .deleteFrom("mailbox_messages")
    .where("account", "=", account)
    .where("id", "in", idsOf(rows))
    .returning("stored_bytes")
    .execute();
  const gone = await deleteUnusedBlobs(tx, [...rows.map(({ blob }) => blob), ...attached]);
  const bytes = deleted.reduce((sum, row) => sum + row.stored_bytes, 0);
  await countInMailbox(tx, account, { messages: -deleted.length, bytes: -bytes });
  await forgetChanges(tx, account, Math.max(...rows.map(({ change }) => change)));
  return gone;
}

/**
 * Changes the messages of `ids` that are here and meant, all or none. Nothing is counted as a change where none is.
 * @returns the IDs of the changed ones.
 */
export async function changeMessages(
  store: Store,
  account: AccountId,
  {
    ids,
    isMeant,
  }: { readonly ids: readonly string[]; readonly isMeant: (row: MailboxRow) => boolean },
  act: (found: Found) => Promise<void>,
): Promise<readonly string[]> {
  return store.transaction(async (tx) => {
    const change = await beginChange(tx, account);
    const rows = (await selectById(tx, account, ids)).filter(isMeant);
    if (rows.length > 0) await act({ tx, change, rows });
    return idsOf(rows);
  });
}

type Written = Partial<{
  flags: number | ReturnType<typeof sql<number>>;
  stored_bytes: ReturnType<typeof sql<number>>;
  folder: string;
  expunge_at: number;
  key: string;
  state: string;
  summary: Uint8Array;
  is_indexed: number;
}> & { readonly change: number };

async function updateRows(
  tx: Store,
  account: AccountId,
  rows: readonly MailboxRow[],
  written: Written,
): Promise<void> {
  await tx.db
    .updateTable("mailbox_messages")
    .set(written)
    .where("account", "=", account)
    .where("id", "in", idsOf(rows))
    .execute();
}

const idsOf = (rows: readonly MailboxRow[]): readonly string[] => rows.map(({ id }) => id);

/** What folders show of these messages before a change, and after it. */
async function countShown(
  tx: Store,
  account: AccountId,
  before: readonly MailboxRow[],
  after: readonly MailboxRow[],
): Promise<void> {
  const figures = new Map<string, FolderFigures>();
  const add = ({ folder, flags }: MailboxRow, sign: 1 | -1): void => {
    const { messages, unseen } = figures.get(folder) ?? { messages: 0, unseen: 0 };
    figures.set(folder, {
      messages: messages + sign,
      unseen: unseen + sign * unseenIn(flags),
    });
  };
  for (const row of before) add(row, -1);
  for (const row of after) add(row, 1);
  // In one order, so that no two changes wait for each other.
  for (const [folder, difference] of [...figures].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    await countInFolder(tx, account, folder, difference);
  }
}
