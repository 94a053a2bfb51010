/**
 * The mailbox inside our own database. Bodies are encrypted at rest, sealed mail as it was received; what stands beside
 * them is under the key of the mailbox, or wrapped to its public key while that is closed (docs/adr/0031-mailbox-at-rest.md).
 */
import { selectById, selectChanged, selectPage } from "../../store/mailbox/listing.ts";
import { readMailbox } from "../../store/mailbox/mailboxes.ts";
import { isShown, type MailboxRow } from "../../store/mailbox/message-rows.ts";
import type { UnlockedKeys } from "../../vault/unlocked-keys.ts";
import type { AccountId } from "../../words/account.ts";
import type { MailboxOwner } from "../mailbox-of.ts";
import type {
  Appended,
  AskedPage,
  CatchUpWish,
  Changes,
  Folder,
  FolderId,
  FoundMail,
  Mailbox,
  MailboxEntry,
  MailboxPage,
  MailQuery,
  MessageId,
  MessageVerdict,
  MovedMail,
  NewMail,
  PreparedMail,
  PreparedNews,
  ReadMail,
  StoredFiles,
  Thread,
} from "../mailbox.ts";
import { indexNew } from "../search/indexing.ts";
import type { SentNews } from "../summary.ts";
import { appendMail, prepareMail, prepareNews } from "./appending.ts";
import { readBody } from "./bodies.ts";
import {
  copyInto,
  flagMessages,
  moveInto,
  removeSome,
  restoreSome,
  setKeywords,
} from "./changing.ts";
import { convertMailbox } from "./convert.ts";
import type { EmbeddedDeps } from "./embedded-deps.ts";
import { entryOf, nextAfter, placeOf } from "./entries.ts";
import { openForSearch, searchOpen, threadOf, type Searchable } from "./finding.ts";
import { foldIn } from "./fold-in.ts";
import { addFolder, listFolders, removeFolder, renameFolder, type At } from "./folders.ts";
import { MailboxKeys } from "./mailbox-keys.ts";
import { hasSealed, idOfOnce, idsNamed, noteNewsOf } from "./names.ts";
import { readStoredFiles } from "./stored-files.ts";
import { receivedIn } from "./stored-form.ts";
import { letWaitAgain } from "./waiting-again.ts";

export type { EmbeddedDeps } from "./embedded-deps.ts";

/** Maximum number of changed messages that are told; whoever missed more reads the lists again. */
const MAX_CHANGES = 1000;

/** Opens a mailbox with its reader's keys, which stay the caller's, or without them. */
export function openEmbedded(
  deps: EmbeddedDeps,
  account: MailboxOwner,
  unlocked?: UnlockedKeys,
): Mailbox {
  return new Embedded(deps, account, unlocked);
}

class Embedded implements Mailbox {
  readonly #deps: EmbeddedDeps;
  readonly #account: MailboxOwner;
  readonly #keys: MailboxKeys | undefined;
  readonly #open: Searchable | undefined;

  constructor(deps: EmbeddedDeps, account: MailboxOwner, unlocked: UnlockedKeys | undefined) {
    this.#deps = deps;
    this.#account = account;
    const keys = MailboxKeys.of(account.id, unlocked);
    this.#keys = keys;
    this.#open = keys && openForSearch(deps, { account: account.id, keys });
  }

  async folders(): Promise<readonly Folder[]> {
    return listFolders(this.#deps.store, this.#at);
  }

  async addFolder(name: string): ReturnType<Mailbox["addFolder"]> {
    return addFolder(this.#deps, this.#at, name);
  }

  async renameFolder(id: FolderId, name: string): ReturnType<Mailbox["renameFolder"]> {
    return renameFolder(this.#deps, this.#at, id, name);
  }

  async removeFolder(id: FolderId): ReturnType<Mailbox["removeFolder"]> {
    return removeFolder(this.#deps, this.#at, id);
  }

  async list(folder: FolderId, page: AskedPage): Promise<MailboxPage> {
    const place = placeOf(page);
    const rows = await selectPage(this.#deps.store, this.#id, { folder, ...place });
    return { entries: await this.#entries(rows), next: nextAfter(rows, place) };
  }

  async search(query: MailQuery, page: AskedPage): Promise<FoundMail> {
    if (this.#open === undefined) return { kind: "closed" };
    return searchOpen(this.#open, query, page);
  }

  async thread(id: MessageId): Promise<Thread> {
    const row = await this.#row(id);
    if (row === undefined || !isShown(row)) return { kind: "no-message" };
    if (this.#open === undefined) return { kind: "closed" };
    return { kind: "thread", entries: await this.#entries(await threadOf(this.#open, row)) };
  }

  async entry(id: MessageId): Promise<MailboxEntry | undefined> {
    const row = await this.#row(id);
    return row && isShown(row) ? entryOf(this.#deps, row, this.#keys) : undefined;
  }

  async read(id: MessageId): Promise<ReadMail> {
    const row = await this.#row(id);
    if (row === undefined || !isShown(row)) return { kind: "no-message" };
    if (this.#keys === undefined) return { kind: "closed" };
    const body = await readBody(this.#deps, this.#id, row);
    if (body === undefined) return { kind: "no-message" };
    const { form } = await entryOf(this.#deps, row, undefined);
    const received = await receivedIn(this.#deps, { form, body, keys: this.#keys.unlocked });
    return received === undefined ? { kind: "closed" } : { kind: "read", form, message: received };
  }

  async storedFiles(id: MessageId): Promise<StoredFiles> {
    if (this.#keys === undefined) return { kind: "closed" };
    return readStoredFiles(this.#deps, { account: this.#id, keys: this.#keys }, id);
  }

  async prepare(mail: NewMail): Promise<PreparedMail> {
    return prepareMail(this.#deps, { ...this.#at, owner: this.#account }, mail);
  }

  async append(mail: NewMail | PreparedMail): Promise<Appended> {
    return appendMail(this.#deps, { ...this.#at, owner: this.#account }, mail);
  }

  async prepareNews(news: SentNews): Promise<PreparedNews> {
    return prepareNews(this.#deps, this.#account, news);
  }

  async noteNews(once: string, news: PreparedNews): Promise<boolean> {
    return noteNewsOf(this.#deps.store, this.#id, once, news);
  }

  async waitAgain(verdict: MessageVerdict, id?: MessageId): Promise<number> {
    return letWaitAgain(this.#deps, this.#id, verdict, id);
  }

  async stored(once: string): Promise<MessageId | undefined> {
    return idOfOnce(this.#deps.store, this.#id, once);
  }

  async hasSealed(messageIds: readonly string[]): Promise<boolean> {
    return hasSealed(this.#deps.store, this.#id, messageIds);
  }

  async named(name: string): Promise<readonly MessageId[]> {
    return idsNamed(this.#deps.store, this.#id, name);
  }

  async flag(ids: Ids, change: Parameters<Mailbox["flag"]>[1]): Promise<Ids> {
    return flagMessages(this.#deps, this.#at, ids, change);
  }

  async move(ids: Ids, folder: FolderId): Promise<MovedMail> {
    return moveInto(this.#deps, this.#at, ids, folder);
  }

  async copy(ids: Ids, folder: FolderId): Promise<MovedMail> {
    return copyInto(this.#deps, this.#at, ids, folder);
  }

  async remove(ids: Ids): Promise<Ids> {
    return removeSome(this.#deps, this.#at, ids);
  }

  async restore(ids: Ids): Promise<Ids> {
    return restoreSome(this.#deps, this.#at, ids);
  }

  async setKeywords(
    id: MessageId,
    keywords: readonly string[],
  ): ReturnType<Mailbox["setKeywords"]> {
    return setKeywords(this.#deps, this.#at, id, keywords);
  }

  async catchUp(o: CatchUpWish = {}): Promise<number> {
    await foldIn(this.#deps, this.#at, o);
    return this.#open === undefined ? 0 : indexNew(this.#deps, this.#open.mailbox, o);
  }

  async convert(o: Parameters<Mailbox["convert"]>[0]): ReturnType<Mailbox["convert"]> {
    return convertMailbox(this.#deps, this.#at, o);
  }

  async changesSince(change: number): Promise<Changes> {
    const { store } = this.#deps;
    const { lastChange: latest, expungedChange } = await readMailbox(store, this.#id);
    const limit = MAX_CHANGES + 1;
    const rows = await selectChanged(store, this.#id, { after: change, limit });
    if (change < expungedChange || rows.length === limit) return { kind: "forgotten", latest };
    // A row may have changed after the number was read: whoever asks again is told once more.
    const gone = rows.filter((row) => !isShown(row)).map(({ id }) => id as MessageId);
    const entries = await this.#entries(rows.filter(isShown));
    return { kind: "changes", latest, entries, gone };
  }

  async watch(change: number, signal: AbortSignal): Promise<Changes | undefined> {
    await this.#deps.watch.changed(this.#id, change, signal);
    return signal.aborted ? undefined : this.changesSince(change);
  }

  async figures(): ReturnType<Mailbox["figures"]> {
    const { messages, bytes, lastChange } = await readMailbox(this.#deps.store, this.#id);
    return { messages, bytes, latest: lastChange };
  }

  get #id(): AccountId {
    return this.#account.id;
  }

  get #at(): At {
    return { account: this.#id, keys: this.#keys };
  }

  async #row(id: MessageId): Promise<MailboxRow | undefined> {
    const [row] = await selectById(this.#deps.store, this.#id, [id]);
    return row;
  }

  async #entries(rows: readonly MailboxRow[]): Promise<readonly MailboxEntry[]> {
    return Promise.all(rows.map(async (row) => entryOf(this.#deps, row, this.#keys)));
  }
}

type Ids = readonly MessageId[];
