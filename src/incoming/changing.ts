/**
 * Mail that is moved, deleted or restored for its owner. All of the messages that are named change, or none. Mail that waits is
 * not in the mailbox yet: with keys it is opened first, and what still waits then is refused. Where the owner's password was
 * not given, the audit log says what was done.
 */
import { AppError } from "../base/errors.ts";
import type { Clock } from "../base/time.ts";
import { appendAudit } from "../journal/journal.ts";
import { folderNamed } from "../mailbox/folder-named.ts";
import type { FolderId, Mailbox, MessageId } from "../mailbox/mailbox.ts";
import { isWaiting } from "../spool/spool.ts";
import { keysOf, type Reader } from "./audited-reading.ts";
import { withOpened, type ReadingDeps } from "./reading.ts";

type Deps = ReadingDeps & { readonly clock: Clock };
type Ids = readonly MessageId[];

/** The messages that changed; or why none did. `isOpen`: the keys were there, and the message waits all the same. */
export type MailChange =
  | { readonly kind: "done"; readonly ids: Ids }
  | { readonly kind: "no-folder"; readonly name: string }
  | { readonly kind: "no-message"; readonly id: string }
  | { readonly kind: "not-removed"; readonly id: string }
  | { readonly kind: "message-waits"; readonly id: string; readonly isOpen: boolean };

/** Moves messages into a folder, which is named by its ID, its word or its name. */
export async function moveMailFor(
  deps: Deps,
  reader: Reader,
  ids: Ids,
  folder: string,
): Promise<MailChange> {
  return withMailbox(deps, reader, async (mailbox, isOpen) => {
    const to = folderNamed(await mailbox.folders(), folder);
    if (to === undefined) return { kind: "no-folder", name: folder };
    const refusal = await whyNot(deps, reader, mailbox, ids, isOpen);
    return (
      refusal ?? change(deps, reader, "mail.moved", ids, async (own) => moved(own, ids, to.id))
    );
  });
}

async function moved(mailbox: Mailbox, ids: Ids, folder: FolderId): Promise<Ids> {
  const done = await mailbox.move(ids, folder);
  if (done.kind === "done") return done.ids;
  throw new AppError("the folder was removed at the same time; try again", { temporary: true });
}

/** Takes messages out of their folders. They can be restored until the undo time is over, and are deleted then. */
export async function removeMailFor(deps: Deps, reader: Reader, ids: Ids): Promise<MailChange> {
  return withMailbox(deps, reader, async (mailbox, isOpen) => {
    const refusal = await whyNot(deps, reader, mailbox, ids, isOpen);
    return refusal ?? change(deps, reader, "mail.removed", ids, async (own) => own.remove(ids));
  });
}

/** Puts removed messages back where they were; the IDs must be whole. */
export async function restoreMailFor(deps: Deps, reader: Reader, ids: Ids): Promise<MailChange> {
  const done = await change(deps, reader, "mail.restored", ids, async (own) => own.restore(ids));
  const [first = ""] = ids;
  return done.ids.length === 0 ? { kind: "not-removed", id: first } : done;
}

/** Opens the mailbox with what keys there are, and what waits with it. */
async function withMailbox(
  deps: Deps,
  reader: Reader,
  work: (mailbox: Mailbox, isOpen: boolean) => Promise<MailChange>,
): Promise<MailChange> {
  return withOpened(deps, keysOf(reader), async (open) =>
    work(deps.mailboxOf(deps.store, reader.account, open), open !== undefined),
  );
}

async function whyNot(
  { store }: Deps,
  { account }: Reader,
  mailbox: Mailbox,
  ids: Ids,
  isOpen: boolean,
): Promise<MailChange | undefined> {
  for (const id of ids) {
    if ((await mailbox.entry(id)) !== undefined) continue;
    const waits = await isWaiting(store, account.id, id);
    return waits ? { kind: "message-waits", id, isOpen } : { kind: "no-message", id };
  }
  return undefined;
}

async function change(
  { store, clock, mailboxOf }: Deps,
  { account, keys }: Reader,
  action: "mail.moved" | "mail.removed" | "mail.restored",
  ids: Ids,
  work: (mailbox: Mailbox) => Promise<Ids>,
): Promise<Extract<MailChange, { kind: "done" }>> {
  return store.transaction(async (tx) => {
    if (keys === undefined) {
      const detail = { messages: ids.length };
      await appendAudit(tx, { at: clock.now(), action, account: account.id, detail });
    }
    return { kind: "done", ids: await work(mailboxOf(tx, account)) };
  });
}
