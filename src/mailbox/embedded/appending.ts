/** How a message comes into a mailbox in our own database. */
import { randomUUID } from "node:crypto";

import { ProgramFault } from "../../base/errors.ts";
import { discardBlob } from "../../blobs/blobs.ts";
import { makeTags } from "../../store/keys/tag-key.ts";
import type { NewBlob } from "../../store/mail/blobs.ts";
import { insertMailboxMessage, type NewMailboxRow } from "../../store/mailbox/messages.ts";
import { bitsOf } from "../flag-bits.ts";
import type { MailboxOwner } from "../mailbox-of.ts";
import type {
  Appended,
  FolderId,
  MailContent,
  MailForm,
  MessageId,
  NewMail,
  PreparedMail,
  PreparedNews,
} from "../mailbox.ts";
import { whyInClear } from "../sent-notices.ts";
import { newsOctets, summaryOctets, type SentNews } from "../summary.ts";
import type { EmbeddedDeps } from "./embedded-deps.ts";
import { wrapSummary } from "./entries.ts";
import { withFolder, type At } from "./folders.ts";
import { nameTag, onceTag } from "./names.ts";

type Owned = At & { readonly owner: MailboxOwner };

/** A message with its octets encrypted at rest, and its summary under the key of the mailbox or wrapped to the public one. */
class PreparedRow implements PreparedMail {
  readonly kind = "prepared";
  readonly folder: FolderId;
  readonly row: NewMailboxRow;

  constructor(folder: FolderId, row: NewMailboxRow) {
    this.folder = folder;
    this.row = row;
  }
}

/** Encrypts what is to be kept. Nothing is written. */
export async function prepareMail(
  deps: EmbeddedDeps,
  { account, keys, owner }: Owned,
  mail: NewMail,
): Promise<PreparedRow> {
  const { summary, folder, once = "" } = mail;
  const form = formOf(mail.content);
  const blob = await putContent(deps, owner, mail.content);
  const wrapped =
    keys === undefined
      ? { key: "", octets: await deps.wrapFor(owner, summaryOctets(summary)) }
      : wrapSummary(keys, blob.id, summary);
  const [name = "", tag = ""] = await makeTags(deps.store, [
    nameTag(account, summary.messageId),
    onceTag(account, once),
  ]);
  return new PreparedRow(folder, {
    id: mail.id ?? randomUUID(),
    folder,
    flags: bitsOf(mail.flags ?? []),
    form,
    state: summary.verdict.state,
    key: wrapped.key,
    summary: wrapped.octets,
    isProtected: mail.isProtected,
    hasNotice: whyInClear(summary.sent).length > 0,
    once: once === "" ? "" : tag,
    name: summary.messageId === "" ? "" : name,
    sizeBytes: mail.sizeBytes,
    receivedAt: mail.receivedAt,
    blob,
  });
}

/** Encrypts news of a sent message to the key pair of the mailbox. Nothing is written. */
export async function prepareNews(
  { wrapFor }: Pick<EmbeddedDeps, "wrapFor">,
  owner: MailboxOwner,
  news: SentNews,
): Promise<PreparedNews> {
  const isProtected = news.how !== "clear";
  const hasNotice = whyInClear(news.sent).length > 0;
  return { octets: await wrapFor(owner, newsOctets(news)), isProtected, hasNotice };
}

/** Keeps a message, prepared or not. */
export async function appendMail(
  deps: EmbeddedDeps,
  at: Owned,
  mail: NewMail | PreparedMail,
): Promise<Appended> {
  const prepared = "kind" in mail ? mail : await prepareMail(deps, at, mail);
  if (!(prepared instanceof PreparedRow)) {
    throw new ProgramFault("mail that another mailbox prepared");
  }
  const { folder, row } = prepared;
  const appended = await withFolder(deps.store, at.account, folder, async (tx) =>
    insertMailboxMessage(tx, at.account, row),
  );
  const isKept = appended.kind === "done" && appended.value?.isNew === true;
  if (!isKept) await discardBlob(deps, row.blob);
  if (appended.kind === "no-folder") return appended;
  if (appended.value === undefined) return { kind: "account-gone" };
  const { id, isNew } = appended.value;
  return { kind: isNew ? "appended" : "there-already", id: id as MessageId };
}

function formOf(content: MailContent): MailForm {
  if (content.kind !== "received") return content.form;
  return content.ciphertext === undefined ? "clear" : "sealed";
}

/** Puts the octets where bodies are kept, unless they are there. */
async function putContent(
  { blobs, bodyFor }: Pick<EmbeddedDeps, "blobs" | "bodyFor">,
  owner: MailboxOwner,
  content: MailContent,
): Promise<NewBlob> {
  switch (content.kind) {
    case "received":
      return blobs.put(await bodyFor(owner, content));
    case "stored":
      return blobs.put(content.octets);
    case "blob":
      return { id: content.blob };
  }
}
