/** What the tests of every mailbox work with. */
import assert from "node:assert/strict";

import { after, fromUnixMs, MINUTE } from "../../src/base/time.ts";
import { unprotected } from "../../src/incoming/verdicts.ts";
import {
  standardFolder,
  type Mailbox,
  type MessageId,
  type NewMail,
} from "../../src/mailbox/mailbox.ts";
import type { Summary } from "../../src/mailbox/summary.ts";

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

/** When the first message came. */
export const start = fromUnixMs(1_800_000_000_000);

/** What of a message is not empty; `text` is its body. It comes `minutes` after the first. */
export type Content = Partial<Summary> & { readonly text?: string; readonly minutes?: number };

/** A message in clear with this subject. */
export function summaryMail(subject: string, content: Content = {}): NewMail {
  const { text = "", minutes = 0, ...given } = content;
  const header = "From: a@alpha.test\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n";
  const message = Buffer.from(header + text);
  return {
    folder: standardFolder("inbox"),
    content: { kind: "received", pieces: [message], ciphertext: undefined },
    receivedAt: after(start, minutes * MINUTE),
    sizeBytes: message.length,
    summary: {
      from: "",
      to: "",
      subject,
      claimed: "",
      date: start,
      snippet: "",
      attachments: [],
      messageId: "",
      references: [],
      verdict: unprotected(start),
      keywords: [],
      ...given,
    },
  };
}
