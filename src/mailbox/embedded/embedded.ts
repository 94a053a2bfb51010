/**
 * The mailbox inside our own database. Bodies are encrypted at rest, sealed mail as it was received; what stands beside
 * them is under the key of the mailbox, or wrapped to its public key while that is closed (docs/adr/0031-mailbox-at-rest.md).
 */
import { randomUUID } from "node:crypto";

import { readBlob } from "../../store/mailbox/blobs.ts";
import { readMailbox } from "../../store/mailbox/mailboxes.ts";
import {
  insertMailboxMessage,
  isShown,
  selectById,
  selectChanged,
  selectPage,
  type MailboxRow,
} from "../../store/mailbox/messages.ts";
import type { UnlockedKeys } from "../../vault/unlocked-keys.ts";
import type { Account } from "../../words/account.ts";
import type {
  Appended,
  AskedPage,
  Changes,
  Folder,
  FolderId,
  FoundMail,
  Mailbox,
  MailboxEntry,
  MailboxPage,
  MailQuery,
  MessageId,
  MovedMail,
  NewMail,
  ReadMail,
  Thread,
} from "../mailbox.ts";
import { indexNew } from "../search/indexing.ts";
import { summaryOctets } from "../summary.ts";
import type { EmbeddedDeps } from "./embedded-deps.ts";
import {
  copyInto,
  flagMessages,
  moveInto,
  removeSome,
  restoreSome,
  setKeywords,
} from "./changing.ts";
import { bitsOf, entryOf, nextAfter, placeOf, wrapSummary } from "./entries.ts";
import {
  addFolder,
  listFolders,
  removeFolder,
  renameFolder,
  withFolder,
  type At,
} from "./folders.ts";
import { openForSearch, searchOpen, threadOf, type Searchable } from "./finding.ts";
import { foldIn } from "./fold-in.ts";
import { MailboxKeys } from "./mailbox-keys.ts";
import { receivedIn } from "./stored-form.ts";

export type { EmbeddedDeps } from "./embedded-deps.ts";

/** Maximum number of changed messages that are told; whoever missed more reads the lists again. */
const MAX_CHANGES = 1000;

/** Opens a mailbox with its reader's keys, which stay the caller's, or without them. */
export function openEmbedded(
  deps: EmbeddedDeps,
  account: Account,
  unlocked?: UnlockedKeys,
): Mailbox {
  return new Embedded(deps, account, unlocked);
}

class Embedded implements Mailbox {
  readonly #deps: EmbeddedDeps;
  readonly #account: Account;
  readonly #keys: MailboxKeys | undefined;
  readonly #open: Searchable | undefined;

  constructor(deps: EmbeddedDeps, account: Account, unlocked: UnlockedKeys | undefined) {
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
    const body = await readBlob(this.#deps.store, row.blob);
    if (body === undefined) return { kind: "no-message" };
    const { form } = await entryOf(this.#deps, row, undefined);
    const received = await receivedIn(this.#deps, { form, body, keys: this.#keys.unlocked });
    return received === undefined ? { kind: "closed" } : { kind: "read", form, message: received };
  }

  async append(mail: NewMail): Promise<Appended> {
    const { summary, ciphertext, pieces } = mail;
    const { wrapFor, bodyFor } = this.#deps;
    const body = await bodyFor(this.#account, { pieces, ciphertext });
    const blob = randomUUID();
    const wrapped =
      this.#keys === undefined
        ? { key: "", octets: await wrapFor(this.#account, summaryOctets(summary)) }
        : wrapSummary(this.#keys, blob, summary);
    const row = {
      id: randomUUID(),
      folder: mail.folder,
      flags: bitsOf(mail.flags ?? []),
      form: ciphertext === undefined ? "clear" : "sealed",
      state: summary.verdict.state,
      key: wrapped.key,
      summary: wrapped.octets,
      once: mail.once ?? "",
      sizeBytes: mail.sizeBytes,
      receivedAt: mail.receivedAt,
      blob: { id: blob, octets: body },
    };
    const appended = await withFolder(this.#deps.store, this.#id, mail.folder, async (tx) =>
      insertMailboxMessage(tx, this.#id, row),
    );
    if (appended.kind === "no-folder") return appended;
    if (appended.value === undefined) return { kind: "account-gone" };
    const { id, isNew } = appended.value;
    return { kind: isNew ? "appended" : "there-already", id: id as MessageId };
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

  async catchUp(o: Parameters<Mailbox["catchUp"]>[0]): Promise<number> {
    await foldIn(this.#deps, this.#at, o?.signal);
    return this.#open === undefined ? 0 : indexNew(this.#deps, this.#open.mailbox, o);
  }

  async changesSince(change: number): Promise<Changes> {
    const { store } = this.#deps;
    const { lastChange: latest, expungedChange } = await readMailbox(store, this.#id);
    const limit = MAX_CHANGES + 1;
    const rows = await selectChanged(store, this.#id, { after: change, limit });
    if (change < expungedChange || rows.length === limit) return { kind: "forgotten", latest };
    // A row may have changed after the number was read: whoever asks again is told once more.
    const entries = await this.#entries(rows.filter(isShown));
    const gone = rows.filter((row) => !isShown(row)).map(({ id }) => id as MessageId);
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

  get #id(): Account["id"] {
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
