/** What becomes of a message that was opened and judged: its place in the mailbox, or a longer wait for its author. */
import { isProgramFault, TooCostly } from "../base/errors.ts";
import type { Octets } from "../base/large-octets.ts";
import { plainMessageId } from "../mail/message-id.ts";
import { AccountGone } from "../mailbox/account-gone.ts";
import type { MailboxOwner } from "../mailbox/mailbox-of.ts";
import {
  STANDARD_FOLDERS,
  standardFolder,
  type FolderId,
  type Mailbox,
  type MessageVerdict,
  type PreparedMail,
} from "../mailbox/mailbox.ts";
import { summaryOctets, type Summary } from "../mailbox/summary.ts";
import { encryptAtRest } from "../openpgp/messages/encrypt.ts";
import { endWaiting, isWaiting, recordVerdict, type WaitingMessage } from "../spool/spool.ts";
import { holdAccount } from "../store/accounts/account-locks.ts";
import { primaryAddress } from "../store/accounts/addresses.ts";
import type { GoneBlob } from "../store/mail/blobs.ts";
import { isFinal } from "../store/mail/verdict.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { AccountId } from "../words/account.ts";
import type { MessageWork, OutlineRequest } from "./message-work.ts";
import { NO_OUTLINE, type Outline } from "./outline.ts";
import type { PendingDeps } from "./pending-deps.ts";
import { onceOf } from "./reader-copy.ts";

/** The outline of a message that is shown. One that costs too much has none: the message is kept all the same. */
export async function outlineIn(
  work: Pick<MessageWork, "outline">,
  request: OutlineRequest,
): Promise<Outline> {
  try {
    return await work.outline(request);
  } catch (error) {
    if (error instanceof TooCostly || isProgramFault(error)) return NO_OUTLINE;
    throw error;
  }
}

/** What was found in a message; its octets for the mailbox, where they are not those that it waited with. */
type Found = { readonly summary: Summary; readonly body?: Octets | undefined };

/** Keeps what was found: a message whose verdict is final goes to the mailbox, another one goes on waiting. */
export async function keepFound(
  deps: PendingDeps,
  { account, keys }: { readonly account: AccountId; readonly keys: UnlockedKeys },
  message: WaitingMessage,
  { summary, body }: Found,
): Promise<MessageVerdict> {
  const { served } = message.verdict;
  const found = summary.verdict;
  const verdict = isFinal(found) ? found : { ...found, served };
  const whole = {
    ...summary,
    verdict,
    // What does not open still has the names that it came with.
    from: summary.from === "" ? message.outerFrom : summary.from,
    messageId:
      summary.messageId === "" ? plainMessageId(message.messageId ?? "") : summary.messageId,
  };
  const address = await primaryAddress(deps.store, account);
  const owner = { id: account, address };
  const mail = await prepared(deps, { owner, keys }, message, { summary: whole, body });
  const wrapped = mail === undefined ? await wrapSummary(deps, keys, whole) : undefined;
  const gone = await deps.store.transaction(async (tx) => {
    await holdAccount(tx, account);
    let unused: readonly GoneBlob[] = [];
    if (mail === undefined) {
      // In brackets, as an answer names it.
      const messageId = whole.messageId === "" ? undefined : `<${whole.messageId}>`;
      await recordVerdict(tx, account, message.id, verdict, { summary: wrapped, messageId });
    } else if (await isWaiting(tx, account, message.id)) {
      const { kind } = await deps.mailboxOf(tx, owner, keys).append(mail);
      // A closed account may be opened again: what waits for it goes on waiting.
      if (kind !== "appended" && kind !== "there-already") throw new AccountGone();
      unused = await endWaiting(tx, account, message.id);
    }
    await deps.trace.opened({ store: tx, reader: address, message, verdict });
    return unused;
  });
  await deps.blobs.remove(gone);
  return verdict;
}

/** For the mailbox, where the verdict is final. */
async function prepared(
  deps: PendingDeps,
  { owner, keys }: { readonly owner: MailboxOwner; readonly keys: UnlockedKeys },
  message: WaitingMessage,
  { summary, body }: Found,
): Promise<PreparedMail | undefined> {
  if (!isFinal(summary.verdict)) return undefined;
  const form = message.form === "sealed" ? "sealed" : "clear";
  const mailbox = deps.mailboxOf(deps.store, owner, keys);
  return mailbox.prepare({
    id: message.id,
    folder: await folderIn(mailbox, message.folder),
    flags: message.flags,
    content:
      body === undefined
        ? { kind: "blob", form, blob: message.blob }
        : { kind: "stored", form, octets: body },
    summary,
    receivedAt: message.receivedAt,
    sizeBytes: message.sizeBytes,
    once: onceOf(message.contentHash, message.envelopeId),
  });
}

/** The folder that a message was in before it was to be opened again; one that its reader removed meanwhile is the inbox. */
async function folderIn(mailbox: Mailbox, folder: FolderId): Promise<FolderId> {
  const isThere =
    STANDARD_FOLDERS.some((one) => standardFolder(one) === folder) ||
    (await mailbox.folders()).some(({ id }) => id === folder);
  return isThere ? folder : standardFolder("inbox");
}

async function wrapSummary(
  deps: PendingDeps,
  keys: UnlockedKeys,
  summary: Summary,
): Promise<Uint8Array> {
  const own = keys.mailbox === undefined ? keys.all : [keys.mailbox];
  return encryptAtRest({
    data: summaryOctets(summary),
    recipients: own.map(({ certificate }) => certificate),
    now: deps.clock.now(),
    isOwn: true,
  });
}
