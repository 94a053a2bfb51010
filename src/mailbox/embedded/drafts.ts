/** Drafts in our own database: a row and a blob for the text, and a blob for each attachment. */
import { discardBlob } from "../../blobs/blobs.ts";
import { withoutResults } from "../../mail/auth-results.ts";
import { MAX_CLEAR_OCTETS } from "../../openpgp/messages/plain.ts";
import { makeTags } from "../../store/keys/tag-key.ts";
import type { PutBlob } from "../../store/mail/blobs.ts";
import { selectById } from "../../store/mailbox/listing.ts";
import { deleteMessages } from "../../store/mailbox/message-changes.ts";
import type { MailboxRow } from "../../store/mailbox/message-rows.ts";
import type { UnlockedKeys } from "../../vault/unlocked-keys.ts";
import {
  MAX_ATTACHMENTS,
  type AttachedToDraft,
  type AttachmentId,
  type Drafts,
  type DraftText,
  type NewAttachment,
  type ReadAttachment,
  type ReadDraft,
  type Replaced,
  type SavedDraft,
} from "../drafts/drafts.ts";
import type { MailboxOwner } from "../mailbox-of.ts";
import { standardFolder, type MessageId } from "../mailbox.ts";
import type { Summary } from "../summary.ts";
import { appendMail, prepareMail } from "./appending.ts";
import {
  attachmentFrom,
  changing,
  findDraft,
  hashOf,
  isDraft,
  openBlob,
  reading,
  sizeWith,
  storedIn,
  versionOf,
  type At,
  type DraftDeps,
} from "./draft-rows.ts";
import { MailboxKeys } from "./mailbox-keys.ts";
import { nameTag } from "./names.ts";

export type { DraftDeps } from "./draft-rows.ts";

/** Opens the drafts of a mailbox with its reader's keys, which stay the caller's, or without them. */
export function openDrafts(
  deps: DraftDeps,
  owner: MailboxOwner,
  unlocked: UnlockedKeys | undefined,
): Drafts {
  const keys = MailboxKeys.of(owner.id, unlocked);
  const opened = async <Value>(
    work: (at: At) => Promise<Value>,
  ): Promise<Value | { readonly kind: "closed" }> =>
    keys === undefined ? { kind: "closed" } : work({ owner, keys });
  return {
    save: async (given, replaced) =>
      opened(async (at) => {
        // A text may begin with a message that was shown or exported.
        const text = { ...given, message: withoutResults(given.message, []) };
        return replaced === undefined
          ? saveNew(deps, at, text)
          : saveOver(deps, at, text, replaced);
      }),
    read: async (id) => opened(async (at) => read(deps, at, id)),
    attach: async (id, given) => opened(async (at) => attach(deps, at, id, given)),
    readAttachment: async (id, wanted) =>
      opened(async (at) => readAttachment(deps, at, id, wanted)),
    detach: async (id, wanted) => opened(async (at) => detach(deps, at, id, wanted)),
    discard: async (id, version) => discardDraft(deps, owner, { id, version }),
  };
}

async function saveNew(
  deps: DraftDeps,
  { owner, keys }: At,
  { message, once }: DraftText,
): Promise<SavedDraft> {
  if (message.length > MAX_CLEAR_OCTETS) return { kind: "too-large" };
  if (!(await deps.hasRoom(owner, message.length))) return { kind: "full" };
  const at = { account: owner.id, owner, keys };
  const prepared = await prepareMail(deps, at, {
    folder: standardFolder("drafts"),
    content: { kind: "received", pieces: [message], ciphertext: undefined },
    summary: await summaryOf(deps, message),
    flags: ["seen"],
    receivedAt: deps.clock.now(),
    sizeBytes: message.length,
    ...(once === undefined ? {} : { once: `draft ${once}` }),
  });
  const appended = await appendMail(deps, at, prepared);
  switch (appended.kind) {
    case "appended":
      return {
        kind: "saved",
        id: appended.id,
        version: versionOf({ blob: prepared.row.blob.id, version: "" }),
      };
    case "there-already": {
      const draft = await findDraft(deps, { owner, keys }, appended.id);
      if (draft.kind !== "draft") return draft;
      return { kind: "overtaken", id: appended.id, version: versionOf(draft.row) };
    }
    case "account-gone":
    case "no-folder":
      return { kind: "closed" };
  }
}

async function saveOver(
  deps: DraftDeps,
  at: At,
  { message }: DraftText,
  { id, version }: Replaced,
): Promise<SavedDraft> {
  if (message.length > MAX_CLEAR_OCTETS) return { kind: "too-large" };
  const fresh = await summaryOf(deps, message);
  const [tag = ""] = await makeTags(deps.store, [nameTag(at.owner.id, fresh.messageId)]);
  let blob: PutBlob | undefined;
  const saved = await changing<SavedDraft>(deps, at, id, async ({ row, summary }) => {
    const latest = versionOf(row);
    if (latest !== version) return not({ kind: "overtaken", id, version: latest });
    const stored = storedIn(summary);
    const sizeBytes = sizeWith(message.length, stored);
    // By what was read: the other window may have replaced the octets meanwhile.
    const growth = sizeBytes - row.sizeBytes;
    if (growth > 0 && !(await deps.hasRoom(at.owner, growth))) return not({ kind: "full" });
    const pieces = [message];
    blob ??= await deps.blobs.put(await deps.bodyFor(at.owner, { pieces, ciphertext: undefined }));
    const attachments = [...stored, ...fresh.attachments];
    const name = fresh.messageId === "" ? "" : tag;
    return {
      kind: "change",
      summary: { ...fresh, keywords: summary.keywords, attachments },
      text: { blob, name, receivedAt: deps.clock.now() },
      sizeBytes,
      done: { kind: "saved", id, version: versionOf({ blob: blob.id, version: "" }) },
    };
  });
  if (saved.kind !== "saved" && blob !== undefined) await discardBlob(deps, blob);
  return saved;
}

async function summaryOf(deps: DraftDeps, message: Uint8Array): Promise<Summary> {
  return { ...(await deps.summaryOf(message)), hash: await hashOf(message) };
}

async function read(deps: DraftDeps, at: At, id: MessageId): Promise<ReadDraft> {
  return reading<ReadDraft>(deps, at, id, async ({ row, summary }) => {
    const { hash } = summary;
    const message = await openBlob(deps, at.keys, { blob: row.blob, hash });
    if (message === undefined) return { kind: "damaged" };
    const attachments = storedIn(summary).map(attachmentFrom);
    const { receivedAt: savedAt } = row;
    return { kind: "draft", id, version: versionOf(row), message, attachments, savedAt };
  });
}

async function attach(
  deps: DraftDeps,
  at: At,
  id: MessageId,
  { name, contentType, octets }: NewAttachment,
): Promise<AttachedToDraft> {
  const sizeBytes = octets.length;
  if (sizeBytes > MAX_CLEAR_OCTETS) return { kind: "too-large" };
  let blob: PutBlob | undefined;
  let hash: string | undefined;
  const attached = await changing<AttachedToDraft>(deps, at, id, async ({ row, summary }) => {
    if (storedIn(summary).length >= MAX_ATTACHMENTS) return not({ kind: "too-many" });
    if (!(await deps.hasRoom(at.owner, sizeBytes))) return not({ kind: "full" });
    hash ??= await hashOf(octets);
    blob ??= await deps.blobs.put(await deps.wrapFor(at.owner, octets));
    const added = { name, sizeBytes, stored: { id: blob.id, blob: blob.id, contentType, hash } };
    return {
      kind: "change",
      summary: { ...summary, attachments: [...summary.attachments, added] },
      attached: blob,
      sizeBytes: row.sizeBytes + sizeBytes,
      done: { kind: "attached", attachment: attachmentFrom(added) },
    };
  });
  if (attached.kind !== "attached" && blob !== undefined) await discardBlob(deps, blob);
  return attached;
}

async function readAttachment(
  deps: DraftDeps,
  at: At,
  id: MessageId,
  wanted: AttachmentId,
): Promise<ReadAttachment> {
  return reading<ReadAttachment>(deps, at, id, async ({ summary }) => {
    const found = storedIn(summary).find(({ stored }) => stored.id === wanted);
    if (found === undefined) return { kind: "no-attachment" };
    const octets = await openBlob(deps, at.keys, found.stored);
    if (octets === undefined) return { kind: "damaged" };
    const { name, contentType, sizeBytes } = attachmentFrom(found);
    return { kind: "attachment", octets, name, contentType, sizeBytes };
  });
}

async function detach(
  deps: DraftDeps,
  at: At,
  id: MessageId,
  wanted: AttachmentId,
): ReturnType<Drafts["detach"]> {
  return changing<Awaited<ReturnType<Drafts["detach"]>>>(deps, at, id, async ({ row, summary }) => {
    const found = storedIn(summary).find(({ stored }) => stored.id === wanted);
    if (found === undefined) return Promise.resolve(not({ kind: "no-attachment" }));
    const attachments = summary.attachments.filter(({ stored }) => stored?.id !== wanted);
    return Promise.resolve({
      kind: "change",
      summary: { ...summary, attachments },
      detached: found.stored.blob,
      sizeBytes: row.sizeBytes - found.sizeBytes,
      done: { kind: "detached" },
    });
  });
}

async function discardDraft(
  { store, blobs }: Pick<DraftDeps, "store" | "blobs">,
  { id: account }: MailboxOwner,
  { id, version }: Replaced,
): ReturnType<Drafts["discard"]> {
  const isMeant = (row: MailboxRow): boolean => isDraft(row) && versionOf(row) === version;
  await blobs.remove(await deleteMessages(store, account, [id], isMeant));
  const [row] = await selectById(store, account, [id]);
  if (row === undefined) return { kind: "discarded" };
  return { kind: isDraft(row) ? "overtaken" : "no-draft" };
}

function not<Result>(why: Result): { readonly kind: "not"; readonly why: Result } {
  return { kind: "not", why };
}
