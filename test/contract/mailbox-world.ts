/** What the tests of every mailbox work with. */
import assert from "node:assert/strict";

import type { Mailbox, MessageId, NewMail } from "../../src/mailbox/mailbox.ts";

/** A mailbox under test: opened once more, with the reader's keys or without them. */
export type MailboxWorld = AsyncDisposable & {
  readonly open: () => Mailbox;
  readonly openClosed: () => Mailbox;
  /** Moves the clock behind the undo time, and lets what is due be deleted. */
  readonly expunge: () => Promise<void>;
};

type Work = (world: MailboxWorld) => Promise<void>;
/** A test on a mailbox of its own. */
export type MailboxTest = (what: string, work: Work) => void;

/** Appends a message. */
export async function add(mailbox: Mailbox, mail: NewMail): Promise<MessageId> {
  const appended = await mailbox.append(mail);
  assert(appended.kind === "appended", appended.kind);
  return appended.id;
}
