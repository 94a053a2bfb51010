/**
 * The mailbox: what is kept for a reader until they delete it.
 *
 * `Mailbox` is what pages, commands and mail programs need of a mail store: folders, pages of messages, flags, moves, a
 * deletion that can be undone, and what changed since somebody looked. `embedded/` keeps it in our own database;
 * another mail server may keep it as well. `test/contract/mailbox.ts` says what each of them must do.
 *
 * A mailbox is opened with its reader's keys or without them. Without them it takes messages, and counts, moves and deletes
 * them. What tells people anything (names of folders, subjects, texts) is there only with the keys. Nothing but sizes,
 * times, flags, the state of a message, whether it came or left encrypted and whether its sender is told that it left in clear
 * can be read without them (docs/adr/0031-mailbox-at-rest.md).
 *
 * Folders are the six standard ones, which every mailbox has, and the user's own. A message is in one folder. A removed one
 * is in none, and is deleted after an undo time. Each change has a number: whoever remembers the latest learns what
 * happened since.
 */
import type { Brand } from "../base/brand.ts";
import type { Octets } from "../base/large-octets.ts";
import type { AttachedFile } from "../mail/attach.ts";
import type { Range } from "../pgpmime/range.ts";
import type { MessageVerdict, ResultState } from "../store/mail/verdict.ts";
import type { Conversion, ConversionWish } from "./conversion.ts";
import type { Folder, FolderId, FolderRefusal } from "./folder.ts";
import type { SentNews, Summary } from "./summary.ts";

export { STANDARD_FOLDERS, standardFolder } from "./folder.ts";
export type { Folder, FolderId, FolderRefusal, StandardFolder } from "./folder.ts";
export type { MessageVerdict, ResultState, ServedAtArrival } from "../store/mail/verdict.ts";

/** A message in somebody's mailbox. */
export type MessageId = Brand<string, "MessageId">;

/** What a reader, or their program, noted about a message (RFC 9051 §2.3.2, RFC 5788). */
export const FLAGS = ["seen", "answered", "flagged", "forwarded"] as const;
export type Flag = (typeof FLAGS)[number];

/** A message in a list. `summary` is undefined while it is closed to the keys at hand. */
export type MailboxEntry = {
  readonly id: MessageId;
  readonly folder: FolderId;
  readonly flags: readonly Flag[];
  readonly form: MailForm;
  readonly state: ResultState;
  readonly summary: Summary | undefined;
  readonly receivedAt: Date;
  readonly sizeBytes: number;
};

/** `sealed`: stored as received, to be opened by its reader. `clear`: what can be read at once. */
export type MailForm = "sealed" | "clear";

/**
 * A message that a mailbox is to keep. `once` keeps a repetition out, for good: the first message with it is the only one.
 */
export type NewMail = {
  /** The ID that it had while it waited; undefined: a new one. */
  readonly id?: MessageId;
  readonly folder: FolderId;
  readonly content: MailContent;
  readonly summary: Summary;
  readonly flags?: readonly Flag[];
  readonly receivedAt: Date;
  readonly sizeBytes: number;
  readonly once?: string;
  /** It left encrypted, though it is stored in clear for its reader. What is stored sealed came so. */
  readonly isProtected?: boolean;
};

/** A message that is ready to be appended, to this mailbox alone. */
export type PreparedMail = { readonly kind: "prepared"; readonly folder: FolderId };

/** News that are ready to be noted. */
export type PreparedNews = {
  readonly octets: Uint8Array;
  readonly isProtected: boolean;
  readonly hasNotice: boolean;
};

/** The octets of a message, as they came or as they are stored here already. */
export type MailContent =
  /** In pieces, one after the other; of a sealed message, where the ciphertext stands in them. */
  | {
      readonly kind: "received";
      readonly pieces: readonly Uint8Array[];
      readonly ciphertext: Range | undefined;
    }
  /** Encrypted for the mailbox already (`embedded/stored-form.ts`). */
  | { readonly kind: "stored"; readonly form: MailForm; readonly octets: Octets }
  /** Those of a message that waited, where they are: a blob of this reader. */
  | { readonly kind: "blob"; readonly form: MailForm; readonly blob: string };

/** Where the next page of a list begins. It stays valid whatever comes or goes meanwhile. */
export type Cursor = Brand<string, "Cursor">;

/** A page behind `after`, or the first; at most `limit` entries, of which there may be 200. */
export type AskedPage = { readonly after?: Cursor | undefined; readonly limit: number };

/** `next` is undefined on the last page. */
export type MailboxPage = {
  readonly entries: readonly MailboxEntry[];
  readonly next: Cursor | undefined;
};

/**
 * What a search asks for; all of it must hold. Texts are words, or beginnings of words, in any script and without regard to
 * case and accents. `attachment` is about names, `anywhere` about all fields. `after` and `before` are about when a message
 * was received: from that moment on, and earlier than that moment. `hasNotice`: its sender is told that it left in clear
 * (`sent-notices.ts`).
 */
export type MailQuery = {
  readonly anywhere?: string;
  readonly from?: string;
  readonly to?: string;
  readonly subject?: string;
  readonly text?: string;
  readonly attachment?: string;
  readonly keyword?: string;
  readonly folder?: FolderId;
  readonly state?: ResultState;
  readonly hasNotice?: true;
  readonly after?: Date;
  readonly before?: Date;
};

/** `unindexed`: how many messages of the mailbox no search finds yet, because `catchUp` has not come to them. */
export type FoundMail =
  | ({ readonly kind: "found"; readonly unindexed: number } & MailboxPage)
  | { readonly kind: "closed" };

/** A conversation, the oldest message first; at most 500. */
export type Thread =
  | { readonly kind: "thread"; readonly entries: readonly MailboxEntry[] }
  | { readonly kind: "closed" | "no-message" };

/** What happened since a change: messages that came or changed, and those that are no longer in a folder. */
export type Changes =
  | {
      readonly kind: "changes";
      readonly latest: number;
      readonly entries: readonly MailboxEntry[];
      readonly gone: readonly MessageId[];
    }
  /** Too much is forgotten since: read the lists again. */
  | { readonly kind: "forgotten"; readonly latest: number };

/** A mailbox, opened for one reader. IDs that name nothing are passed over; what was done is returned. */
export type Mailbox = {
  readonly folders: () => Promise<readonly Folder[]>;
  readonly addFolder: (
    name: string,
  ) => Promise<{ readonly kind: "added"; readonly id: FolderId } | FolderRefusal>;
  readonly renameFolder: (
    id: FolderId,
    name: string,
  ) => Promise<{ readonly kind: "renamed" } | FolderRefusal>;
  readonly removeFolder: (id: FolderId) => Promise<{ readonly kind: "removed" } | FolderRefusal>;
  /** The newest first. */
  readonly list: (folder: FolderId, page: AskedPage) => Promise<MailboxPage>;
  /** What matches, the newest first; pages as those of a list. It needs the keys. */
  readonly search: (query: MailQuery, page: AskedPage) => Promise<FoundMail>;
  /** The conversation that a message belongs to, as far as its messages name each other. It needs the keys. */
  readonly thread: (id: MessageId) => Promise<Thread>;
  readonly entry: (id: MessageId) => Promise<MailboxEntry | undefined>;
  /** The octets as they came; "closed" where the keys at hand do not open them. */
  readonly read: (id: MessageId) => Promise<ReadMail>;
  /** What is stored apart from the text of a message: the attachments of a draft. */
  readonly storedFiles: (id: MessageId) => Promise<StoredFiles>;
  /** Does the costly part of `append`, so that a transaction that appends is short. */
  readonly prepare: (mail: NewMail) => Promise<PreparedMail>;
  readonly append: (mail: NewMail | PreparedMail) => Promise<Appended>;
  /** Encrypts news of a sent message to the reader, so that a transaction that notes them is short. */
  readonly prepareNews: (news: SentNews) => Promise<PreparedNews>;
  /** Notes news of the message that was stored with this `once`. False: there is none, or no more. */
  readonly noteNews: (once: string, news: PreparedNews) => Promise<boolean>;
  /**
   * Lets sealed mail that could not be opened, or counts as damaged, wait to be opened again: one message, or all. It
   * leaves the mailbox meanwhile. @returns how many.
   */
  readonly waitAgain: (verdict: MessageVerdict, id?: MessageId) => Promise<number>;
  /** The message that was stored with this `once`. */
  readonly stored: (once: string) => Promise<MessageId | undefined>;
  /** Whether one of these messages, by Message-ID, came sealed or left encrypted; also while the mailbox is closed. */
  readonly hasSealed: (messageIds: readonly string[]) => Promise<boolean>;
  /** The messages that somebody means by a Message-ID, an ID or the beginning of one; at most a hundred. */
  readonly named: (name: string) => Promise<readonly MessageId[]>;
  readonly flag: (
    ids: readonly MessageId[],
    change: { readonly set?: readonly Flag[]; readonly clear?: readonly Flag[] },
  ) => Promise<readonly MessageId[]>;
  readonly move: (ids: readonly MessageId[], folder: FolderId) => Promise<MovedMail>;
  /** The copies have IDs of their own. */
  readonly copy: (ids: readonly MessageId[], folder: FolderId) => Promise<MovedMail>;
  /** Takes messages out of their folders; they are deleted when the undo time is over. */
  readonly remove: (ids: readonly MessageId[]) => Promise<readonly MessageId[]>;
  readonly restore: (ids: readonly MessageId[]) => Promise<readonly MessageId[]>;
  /** Own words that the reader gives a message; they need the keys. */
  readonly setKeywords: (
    id: MessageId,
    keywords: readonly string[],
  ) => Promise<{ readonly kind: "set" | "closed" | "no-message" | "bad-keyword" }>;
  /**
   * Prepares what came since it last ran, the oldest first: lists are quick, and searches and threads find it. It may run
   * beside all else, and be ended by `signal`, or by what `beforePage` throws. `progress` is told how many messages are
   * prepared. @returns how many were.
   */
  readonly catchUp: (o?: CatchUpWish) => Promise<number>;
  /** Takes what is stored under other key pairs of the reader under the one in force. It needs the keys. */
  readonly convert: (o?: ConversionWish) => Promise<Conversion>;
  readonly changesSince: (change: number) => Promise<Changes>;
  /** Waits until something happened since a change, or `signal` ends it. */
  readonly watch: (change: number, signal: AbortSignal) => Promise<Changes | undefined>;
  /** How many messages there are, removed ones too, the octets that they take, and the latest change. */
  readonly figures: () => Promise<{
    readonly messages: number;
    readonly bytes: number;
    readonly latest: number;
  }>;
};

/** How a mailbox is prepared; `beforePage` is called before each page of messages is read. */
export type CatchUpWish = {
  readonly signal?: AbortSignal | undefined;
  readonly beforePage?: (() => Promise<void>) | undefined;
  readonly progress?: ((done: number) => void) | undefined;
};

export type ReadMail =
  | { readonly kind: "read"; readonly form: MailForm; readonly message: Uint8Array }
  | { readonly kind: "closed" | "no-message" };

/** `damaged`: one of them is not what was stored. */
export type StoredFiles =
  | { readonly kind: "files"; readonly files: readonly AttachedFile[] }
  | { readonly kind: "closed" | "no-message" | "damaged" };

export type Appended =
  | { readonly kind: "appended" | "there-already"; readonly id: MessageId }
  | { readonly kind: "account-gone" | "no-folder" };

export type MovedMail =
  | { readonly kind: "done"; readonly ids: readonly MessageId[] }
  | { readonly kind: "no-folder" };
