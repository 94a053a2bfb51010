/** Drafts as their rows have them, and how a change is made to one that others change as well. */
import { hex } from "../../base/bytes.ts";
import { sha256 } from "../../base/sha256.ts";
import { changeDraft, type DraftChange } from "../../store/mailbox/drafts.ts";
import { selectById } from "../../store/mailbox/listing.ts";
import { isShown, type MailboxRow } from "../../store/mailbox/message-rows.ts";
import {
  DRAFT,
  type AttachmentId,
  type DraftAttachment,
  type DraftRefusal,
  type DraftVersion,
} from "../drafts/drafts.ts";
import type { MailboxOwner } from "../mailbox-of.ts";
import { standardFolder, type MessageId } from "../mailbox.ts";
import type { Attachment, StoredAttachment, Summary } from "../summary.ts";
import type { EmbeddedDeps } from "./embedded-deps.ts";
import { summaryIn, wrapSummary } from "./entries.ts";
import type { MailboxKeys } from "./mailbox-keys.ts";

export type DraftDeps = EmbeddedDeps & {
  /** Whether the mailbox has room for so many octets. */
  readonly hasRoom: (owner: MailboxOwner, sizeBytes: number) => Promise<boolean>;
  /** What lists show of a text, with the verdict of a draft. */
  readonly summaryOf: (message: Uint8Array) => Promise<Summary>;
};

/** The mailbox of a draft, opened. */
export type At = { readonly owner: MailboxOwner; readonly keys: MailboxKeys };

export type Draft = { readonly row: MailboxRow; readonly summary: Summary };

/** The version that a draft has: the name of the blob that its text was saved as. A conversion keeps it. */
export function versionOf({ blob, version }: Pick<MailboxRow, "blob" | "version">): DraftVersion {
  return (version === "" ? blob : version) as DraftVersion;
}

/** Whether a row is a draft that can be written on: one that was removed, or moved elsewhere, is not. */
export function isDraft(row: MailboxRow): boolean {
  return row.state === DRAFT && row.folder === standardFolder("drafts") && isShown(row);
}

export async function findDraft(
  deps: Pick<EmbeddedDeps, "store" | "decrypt">,
  { owner, keys }: At,
  id: MessageId,
): Promise<({ readonly kind: "draft" } & Draft) | DraftRefusal> {
  const [row] = await selectById(deps.store, owner.id, [id]);
  if (row === undefined || !isDraft(row)) return { kind: "no-draft" };
  const summary = await summaryIn(deps, row, keys);
  return summary === undefined ? { kind: "closed" } : { kind: "draft", row, summary };
}

/** What is to be changed of a draft, and what is answered then. */
export type Planned<Done> = Pick<DraftChange, "text" | "attached" | "detached" | "sizeBytes"> & {
  readonly kind: "change";
  readonly summary: Summary;
  readonly done: Done;
};

/** Plans a change of a draft as it is, and makes it; once more, where others changed the draft meanwhile. */
export async function changing<Result>(
  deps: DraftDeps,
  at: At,
  id: MessageId,
  plan: (draft: Draft) => Promise<Planned<Result> | { readonly kind: "not"; readonly why: Result }>,
): Promise<Result | DraftRefusal> {
  for (;;) {
    const draft = await findDraft(deps, at, id);
    if (draft.kind !== "draft") return draft;
    const planned = await plan(draft);
    if (planned.kind === "not") return planned.why;
    const { kind: _, summary, done, ...rest } = planned;
    const blob = planned.text?.blob.id ?? draft.row.blob;
    const { key, octets } = wrapSummary(at.keys, blob, summary);
    const under = at.keys.present?.fingerprint ?? "";
    const change = { ...rest, under, key, summary: octets };
    const gone = await changeDraft(deps.store, at.owner.id, draft.row, change);
    if (gone === undefined) continue;
    await deps.blobs.remove(gone);
    return done;
  }
}

/** Reads of a draft as it is; once more, where others changed it before its octets were read. */
export async function reading<Result extends { readonly kind: string }>(
  deps: Pick<EmbeddedDeps, "store" | "decrypt">,
  at: At,
  id: MessageId,
  read: (draft: Draft) => Promise<Result>,
): Promise<Result | DraftRefusal> {
  for (let draft = await findDraft(deps, at, id); ;) {
    if (draft.kind !== "draft") return draft;
    const { row } = draft;
    // A file is gone a moment after its row.
    const done = await read(draft).catch((error: unknown) => ({ kind: "failed" as const, error }));
    if (done.kind !== "damaged" && !isFailed(done)) return done;
    draft = await findDraft(deps, at, id);
    if (draft.kind !== "draft" || !isSame(draft.row, row)) continue;
    if (isFailed(done)) throw done.error;
    return done;
  }
}

type Failed = { readonly kind: "failed"; readonly error: unknown };

function isFailed(done: { readonly kind: string }): done is Failed {
  return done.kind === "failed";
}

function isSame(one: MailboxRow, other: MailboxRow): boolean {
  return one.blob === other.blob && Buffer.compare(one.summary, other.summary) === 0;
}

/** The octets of a blob; undefined when they are not those that were put. @throws AppError when they are not there. */
export async function openBlob(
  { blobs, decrypt }: Pick<EmbeddedDeps, "blobs" | "decrypt">,
  keys: MailboxKeys,
  { blob, hash }: { readonly blob: string; readonly hash: string | undefined },
): Promise<Uint8Array | undefined> {
  const body = await blobs.read(blob);
  const opened = body && (await decrypt({ message: body, keys: keys.unlocked }));
  if (opened?.kind !== "decrypted") return undefined;
  return (await hashOf(opened.data)) === hash ? opened.data : undefined;
}

/** SHA-256, in hexadecimal digits. */
export async function hashOf(octets: Uint8Array): Promise<string> {
  return hex(await sha256(octets));
}

/** An attachment that is stored apart from the text. */
export type Stored = Attachment & { readonly stored: StoredAttachment };

export function storedIn({ attachments }: Pick<Summary, "attachments">): readonly Stored[] {
  return attachments.flatMap((one) =>
    one.stored === undefined ? [] : [{ ...one, stored: one.stored }],
  );
}

/** How large a draft is for its reader. */
export function sizeWith(textBytes: number, attachments: readonly Stored[]): number {
  return attachments.reduce((sum, { sizeBytes }) => sum + sizeBytes, textBytes);
}

/** As whoever reads the draft sees it. */
export function attachmentFrom({ name, sizeBytes, stored }: Stored): DraftAttachment {
  const { id, contentType } = stored;
  return { id: id as AttachmentId, name, contentType, sizeBytes };
}
