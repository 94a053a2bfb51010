/** What a reader does with messages of a mailbox in our own database: many at a time, each part in its own transaction. */
import { randomUUID } from "node:crypto";

import { partsOf } from "../../base/parts.ts";
import { after } from "../../base/time.ts";
import { holdAccount } from "../../store/accounts/account-locks.ts";
import { selectById } from "../../store/mailbox/listing.ts";
import { holdMailbox } from "../../store/mailbox/mailboxes.ts";
import {
  changeContent,
  changeFlags,
  moveMessages,
  removeMessages,
  restoreMessages,
} from "../../store/mailbox/message-changes.ts";
import { isShown } from "../../store/mailbox/message-rows.ts";
import { insertMailboxMessage } from "../../store/mailbox/messages.ts";
import type { Store } from "../../store/store.ts";
import { DRAFT } from "../drafts/drafts.ts";
import { bitsOf } from "../flag-bits.ts";
import type { FolderId, Mailbox, MessageId, MovedMail } from "../mailbox.ts";
import { termsWithKeywords } from "../search/indexing.ts";
import type { EmbeddedDeps } from "./embedded-deps.ts";
import { summaryIn, wrapSummary } from "./entries.ts";
import { withFolder, type At } from "./folders.ts";
import { readKeywords } from "./keywords.ts";

/** Maximum number of messages that are changed in one transaction: others who write wait for its end. */
const MAX_AT_ONCE = 500;

type Ids = readonly MessageId[];

/** Sets and clears flags. @returns the messages that changed. */
export async function flagMessages(
  { store }: Pick<EmbeddedDeps, "store">,
  { account }: At,
  ids: Ids,
  { set = [], clear = [] }: Parameters<Mailbox["flag"]>[1],
): Promise<Ids> {
  const bits = { set: bitsOf(set), clear: bitsOf(clear) };
  return changeAll(ids, async (some) => changeFlags(store, account, some, bits));
}

/** Takes messages out of their folders until they are restored, or deleted. @returns those that went. */
export async function removeSome(
  { store, clock, undoMs }: Pick<EmbeddedDeps, "store" | "clock" | "undoMs">,
  { account }: At,
  ids: Ids,
): Promise<Ids> {
  const expungeAt = after(clock.now(), undoMs);
  return changeAll(ids, async (some) => removeMessages(store, account, some, expungeAt));
}

/** Puts removed messages back. @returns those that came back. */
export async function restoreSome(
  { store }: Pick<EmbeddedDeps, "store">,
  { account }: At,
  ids: Ids,
): Promise<Ids> {
  return changeAll(ids, async (some) => restoreMessages(store, account, some));
}

/** Moves messages into a folder. @returns those that moved. */
export async function moveInto(
  { store }: Pick<EmbeddedDeps, "store">,
  { account }: At,
  ids: Ids,
  folder: FolderId,
): Promise<MovedMail> {
  const work = async (tx: Store, some: readonly string[]) =>
    moveMessages(tx, account, some, folder);
  return intoFolder(store, { account, folder, ids }, work);
}

/** Copies messages into a folder; the copies share the octets. @returns the copies. */
export async function copyInto(
  { store }: Pick<EmbeddedDeps, "store">,
  { account }: At,
  ids: Ids,
  folder: FolderId,
): Promise<MovedMail> {
  const work = async (tx: Store, some: readonly string[]) => {
    const copies: string[] = [];
    // Nobody puts another blob in the place of one that is read here.
    await holdAccount(tx, account);
    await holdMailbox(tx, account);
    for (const { blob, ...row } of (await selectById(tx, account, some)).filter(isShown)) {
      const copy = {
        ...row,
        id: randomUUID(),
        folder,
        once: "",
        blob: { id: blob },
        ...(row.state === DRAFT ? { copyOf: row.id } : {}),
      };
      const inserted = await insertMailboxMessage(tx, account, copy);
      if (inserted !== undefined) copies.push(inserted.id);
    }
    return copies;
  };
  return intoFolder(store, { account, folder, ids }, work);
}

/** Gives a message the reader's own words, in place of those that it had. */
export async function setKeywords(
  deps: Pick<EmbeddedDeps, "store" | "decrypt">,
  { account, keys }: At,
  id: MessageId,
  given: readonly string[],
): ReturnType<Mailbox["setKeywords"]> {
  const keywords = readKeywords(given);
  if (keywords === undefined) return { kind: "bad-keyword" };
  if (keys === undefined) return { kind: "closed" };
  for (;;) {
    const [row] = await selectById(deps.store, account, [id]);
    if (row === undefined || !isShown(row)) return { kind: "no-message" };
    const summary = await summaryIn(deps, row, keys);
    if (summary === undefined) return { kind: "closed" };
    const { key, octets } = wrapSummary(keys, row.blob, { ...summary, keywords });
    const terms = await termsWithKeywords(
      { store: deps.store, account, keys },
      row.number,
      keywords,
    );
    const content = { key, summary: octets, state: row.state, terms };
    // Somebody else may have changed it since it was read: then their change is read first.
    if (await changeContent(deps.store, account, row, content)) return { kind: "set" };
  }
}

async function intoFolder(
  store: Store,
  o: { readonly account: At["account"]; readonly folder: FolderId; readonly ids: Ids },
  work: (tx: Store, some: readonly string[]) => Promise<readonly string[]>,
): Promise<MovedMail> {
  const done: MessageId[] = [];
  for (const some of partsOf(o.ids, MAX_AT_ONCE)) {
    const part = await withFolder(store, o.account, o.folder, async (tx) => work(tx, some));
    if (part.kind === "no-folder") return part;
    done.push(...named(part.value));
  }
  return { kind: "done", ids: done };
}

async function changeAll(
  ids: Ids,
  work: (some: readonly string[]) => Promise<readonly string[]>,
): Promise<Ids> {
  const done: MessageId[] = [];
  for (const some of partsOf(ids, MAX_AT_ONCE)) done.push(...named(await work(some)));
  return done;
}

/** The store gives IDs back as texts. */
const named = (ids: readonly string[]): Ids => ids.map((id) => id as MessageId);
