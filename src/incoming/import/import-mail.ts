/**
 * Old mail that a user brings, from an mbox file, a Maildir or folders of them. It is judged as history (`history.ts`). A message is
 * imported once for each folder, whatever form its file has: whoever begins again after an interruption adds what is missing. Folders are
 * found by their names, or made. It ends where the mailbox is full.
 */
import { addOne } from "../../base/counts.ts";
import { AppError, TooCostly } from "../../base/errors.ts";
import type { Clock } from "../../base/time.ts";
import { appendAudit } from "../../journal/journal.ts";
import { standardName, standardNamed } from "../../mailbox/files/folder-names.ts";
import { openSource, type NoSource, type SourceMail } from "../../mailbox/files/mail-source.ts";
import { folderNamed } from "../../mailbox/folder-named.ts";
import type { FolderRefusal } from "../../mailbox/folder.ts";
import { standardFolder, type FolderId, type Mailbox } from "../../mailbox/mailbox.ts";
import { roomFor, type Quota } from "../../mailbox/room.ts";
import { MAX_CLEAR_OCTETS } from "../../openpgp/messages/plain.ts";
import type { UnlockedKeys } from "../../vault/unlocked-keys.ts";
import type { AccountId } from "../../words/account.ts";
import type { Reader } from "../audited-reading.ts";
import { isOpen, type ReadingDeps } from "../reading.ts";
import { cleaned, dateIn, importedMail, type CleanedMail } from "./imported-mail.ts";

export type ImportDeps = ReadingDeps & {
  readonly clock: Clock;
  readonly hostname: string;
  readonly quota: Quota;
  /** The largest message that is taken. */
  readonly maxBytes: number;
};

/** `folder`: where all of it comes; where it is undefined the files name their folders. */
export type ImportWish = {
  readonly path: string;
  readonly folder: string | undefined;
  /** Told after each message how many there were. */
  readonly progress: (messages: number) => void;
};

/** Why a message was left out. */
export type WhyLeftOut = Exclude<SourceMail["kind"], "message"> | "no-header" | "too-costly";

/**
 * `folders`: numbers by where the messages are now. `trashed`: numbers of those in the trash that were marked as deleted, by where they
 * would be else. `known`: imported before. `leftOut`: numbers by reason, and the places of the first hundred.
 */
export type ImportReport = {
  readonly folders: ReadonlyMap<string, number>;
  readonly trashed: ReadonlyMap<string, number>;
  readonly imported: number;
  readonly known: number;
  readonly leftOut: ReadonlyMap<WhyLeftOut, number>;
  readonly places: readonly { readonly place: string; readonly why: WhyLeftOut }[];
  /** The mailbox is full: the rest was not read. */
  readonly isFull: boolean;
};

export type MailImport =
  | ({ readonly kind: "imported" } & ImportReport)
  | { readonly kind: "mailbox-closed" }
  | NoSource
  | { readonly kind: "folder-refused"; readonly name: string; readonly why: FolderRefusal["kind"] };

/** Room for the field that is put before a message, and for how its body is wrapped. */
const ROOM_OCTETS = 64 * 1024;

/** Imports mail from files. What is imported is durable, also where it ends early. */
export async function importMailFor(
  deps: ImportDeps,
  { account, keys }: Reader,
  wish: ImportWish,
): Promise<MailImport> {
  using own = keys === undefined ? await deps.unlockWithService(account.id) : undefined;
  const open = keys ?? own;
  if (open === undefined || !isOpen(open)) return { kind: "mailbox-closed" };
  const { store, clock, maxBytes } = deps;
  const source = await openSource(wish.path, Math.min(maxBytes, MAX_CLEAR_OCTETS - ROOM_OCTETS));
  if (source.kind !== "source") return source;
  await using opened = source;
  const detail = { by: keys === undefined ? "provider" : "owner" };
  await appendAudit(store, {
    at: clock.now(),
    action: "mail.imported",
    account: account.id,
    detail,
  });
  const mailbox = deps.mailboxOf(store, account, open);
  const run = new ImportRun(deps, { account: account.id, keys: open, mailbox }, wish);
  for (const { name, mail } of opened.folders) {
    for await (const one of mail()) {
      const ended = await run.take(wish.folder ?? name, one);
      if (ended === "full") return { kind: "imported", ...run.report(true) };
      if (ended !== undefined) return ended;
    }
  }
  return { kind: "imported", ...run.report(false) };
}

const MAX_PLACES = 100;

type Target = {
  readonly account: AccountId;
  readonly keys: UnlockedKeys;
  readonly mailbox: Mailbox;
};
type Message = Extract<SourceMail, { kind: "message" }>;
type Refused = Extract<MailImport, { kind: "folder-refused" }>;

/** What one import has done so far. */
class ImportRun {
  readonly #deps: ImportDeps;
  readonly #target: Target;
  readonly #wish: ImportWish;
  readonly #ids = new Map<string, FolderId>();
  readonly #folders = new Map<string, number>();
  readonly #trashed = new Map<string, number>();
  readonly #leftOut = new Map<WhyLeftOut, number>();
  readonly #places: { place: string; why: WhyLeftOut }[] = [];
  #known = 0;
  #count = 0;

  constructor(deps: ImportDeps, target: Target, wish: ImportWish) {
    this.#deps = deps;
    this.#target = target;
    this.#wish = wish;
  }

  /** Takes a message into a folder, by the name of that. @returns why the import ends here */
  async take(name: string, mail: SourceMail): Promise<"full" | Refused | undefined> {
    const done = mail.kind === "message" ? await this.#import(name, mail) : mail.kind;
    if (typeof done === "object" || done === "full") return done;
    if (done === "known") this.#known += 1;
    else if (done === "imported") addOne(this.#folders, name);
    else if (done === "trashed") {
      addOne(this.#folders, standardName("trash"));
      addOne(this.#trashed, name);
    } else this.#leaveOut(mail.place, done);
    this.#count += 1;
    this.#wish.progress(this.#count);
    return undefined;
  }

  report(isFull: boolean): ImportReport {
    const imported = [...this.#folders.values()].reduce((sum, count) => sum + count, 0);
    const [folders, trashed] = [this.#folders, this.#trashed];
    const [leftOut, places] = [this.#leftOut, this.#places];
    return { folders, trashed, imported, known: this.#known, leftOut, places, isFull };
  }

  #leaveOut(place: string, why: WhyLeftOut): void {
    addOne(this.#leftOut, why);
    if (this.#places.length < MAX_PLACES) this.#places.push({ place, why });
  }

  async #import(
    name: string,
    mail: Message,
  ): Promise<"imported" | "trashed" | "known" | "full" | WhyLeftOut | Refused> {
    const clean = cleaned(mail.message, this.#deps.hostname);
    if (clean === undefined) return "no-header";
    const once = `import ${clean.contentHash} ${standardNamed(name) ?? name.toLowerCase()}`;
    const { mailbox, account } = this.#target;
    if ((await mailbox.stored(once)) !== undefined) return "known";
    const { store, quota } = this.#deps;
    const room = await roomFor(store, account, quota, mail.message.length);
    if (room === "mailbox-full") return "full";
    try {
      return await this.#append(name, mail, clean, once);
    } catch (error) {
      if (error instanceof TooCostly) return "too-costly";
      throw error;
    }
  }

  async #append(
    name: string,
    mail: Message,
    clean: CleanedMail,
    once: string,
  ): Promise<"imported" | "trashed" | "known" | Refused> {
    const { flags, keywords, isTrash } = mail.marks;
    const { mailbox } = this.#target;
    const receivedAt = receivedAtOf(mail, clean, this.#deps.clock.now());
    const kept = await importedMail(this.#deps, this.#target, clean, receivedAt);
    const folder = isTrash ? standardFolder("trash") : await this.#folder(name);
    if (typeof folder === "object") return folder;
    const summary = { ...kept.summary, keywords };
    const { kind } = await appended(mailbox, { ...kept, summary, folder, flags, receivedAt, once });
    if (kind === "there-already") return "known";
    return isTrash ? "trashed" : "imported";
  }

  /** The folder of a name, which is made where there is none. */
  async #folder(name: string): Promise<FolderId | Refused> {
    const id = this.#ids.get(name) ?? (await this.#found(name));
    if (typeof id === "string") this.#ids.set(name, id);
    return id;
  }

  async #found(name: string): Promise<FolderId | Refused> {
    const { mailbox } = this.#target;
    const standard = standardNamed(name);
    if (standard !== undefined) return standardFolder(standard);
    const there = folderNamed(await mailbox.folders(), name);
    if (there !== undefined) return there.id;
    const added = await mailbox.addFolder(name);
    return added.kind === "added" ? added.id : { kind: "folder-refused", name, why: added.kind };
  }
}

function receivedAtOf(mail: Message, { header }: CleanedMail, now: Date): Date {
  const said = mail.receivedAt ?? dateIn(header) ?? mail.writtenAt ?? now;
  return said > now ? now : said;
}

async function appended(mailbox: Mailbox, mail: Parameters<Mailbox["append"]>[0]) {
  const done = await mailbox.append(mail);
  if (done.kind === "appended" || done.kind === "there-already") return done;
  throw new AppError("the account or the folder went away at the same time; try again", {
    temporary: true,
  });
}
