/**
 * Drafts: what somebody is writing, for a page that saves it every few seconds.
 *
 * A draft is a message of the folder Drafts, with the state `DRAFT`. Lists, searches, moves and removals treat it like any
 * other. Its text, with the header fields as far as they are written, is encrypted to the key of the mailbox alone, and is
 * not signed: nobody but its writer reads it, and nobody can show it as something that they said.
 *
 * A draft keeps its ID. Each saved text is another version. Whoever saves names the version that they read. If another
 * window saved meanwhile, nothing is overwritten, and they are told so. An attachment is stored once, apart from the text:
 * saving the text neither reads nor encrypts it again. Attachments come and go without a new version, so that an upload
 * and a save do not disturb each other.
 *
 * Every change is one transaction: after a crash the draft is what it was before the change, or after it. Whoever writes
 * to the database cannot put another text or attachment into a draft: the hash of each is under the key of the mailbox.
 */
import type { Brand } from "../../base/brand.ts";
import type { MessageId, ResultState } from "../mailbox.ts";

/** The state of a draft. No message that came has it. */
export const DRAFT: ResultState = "DRAFT";

/** A text that was saved; the next one has another version. */
export type DraftVersion = Brand<string, "DraftVersion">;

/** An attachment of a draft. */
export type AttachmentId = Brand<string, "AttachmentId">;

/** Maximum number of attachments of a draft. */
export const MAX_ATTACHMENTS = 100;

/** The draft that a text replaces, as it was read. */
export type Replaced = { readonly id: MessageId; readonly version: DraftVersion };

/**
 * A text to be saved: a message in MIME without its attachments, as far as it is written; it may have a Bcc field. `once`:
 * of a new draft, a text that its page made up, so that a repetition makes no second draft.
 */
export type DraftText = { readonly message: Uint8Array; readonly once?: string };

/** An attachment to be stored; at most 50 MiB. */
export type NewAttachment = {
  readonly name: string;
  readonly contentType: string;
  readonly octets: Uint8Array;
};

export type DraftAttachment = {
  readonly id: AttachmentId;
  readonly name: string;
  readonly contentType: string;
  readonly sizeBytes: number;
};

/** Why nothing was done: no key is open; there is no such draft, or it was removed; no room; beyond what is stored. */
export type DraftRefusal = { readonly kind: "closed" | "no-draft" | "full" | "too-large" };

export type SavedDraft =
  | ({ readonly kind: "saved" } & Replaced)
  /** Another text was saved since that version was read; nothing was changed. `version` is the latest. */
  | ({ readonly kind: "overtaken" } & Replaced)
  | DraftRefusal;

export type ReadDraft =
  | ({
      readonly kind: "draft";
      readonly message: Uint8Array;
      readonly attachments: readonly DraftAttachment[];
      readonly savedAt: Date;
    } & Replaced)
  /** What is stored is not what was saved: the database was altered. */
  | { readonly kind: "damaged" }
  | DraftRefusal;

export type AttachedToDraft =
  | { readonly kind: "attached"; readonly attachment: DraftAttachment }
  | { readonly kind: "too-many" }
  | DraftRefusal;

export type ReadAttachment =
  | ({ readonly kind: "attachment"; readonly octets: Uint8Array } & Omit<DraftAttachment, "id">)
  | { readonly kind: "no-attachment" | "damaged" }
  | DraftRefusal;

/** The drafts of a mailbox that was opened with its reader's keys. They are listed as `Mailbox.list` lists the folder. */
export type Drafts = {
  /** Saves a text: as a new draft, or in place of a version. What is full keeps what it has. */
  readonly save: (text: DraftText, replaced?: Replaced) => Promise<SavedDraft>;
  readonly read: (id: MessageId) => Promise<ReadDraft>;
  readonly attach: (id: MessageId, attachment: NewAttachment) => Promise<AttachedToDraft>;
  readonly readAttachment: (id: MessageId, attachment: AttachmentId) => Promise<ReadAttachment>;
  /** Deletes an attachment at once. */
  readonly detach: (
    id: MessageId,
    attachment: AttachmentId,
  ) => Promise<{ readonly kind: "detached" | "no-attachment" } | DraftRefusal>;
  /**
   * Deletes a draft at once, with its attachments: it was sent, or given up. A draft with a later text than `version` stays.
   * It needs no keys. Not inside a transaction.
   */
  readonly discard: (
    id: MessageId,
    version: DraftVersion,
  ) => Promise<{ readonly kind: "discarded" | "overtaken" | "no-draft" }>;
};
