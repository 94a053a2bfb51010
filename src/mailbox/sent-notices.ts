/**
 * Notices: what a user is told in their own mailbox when mail of theirs left in clear, because somebody could not be encrypted
 * for and the policy allows it. A notice is no record of its own. It is read from the summary of the Sent copy, which says
 * what each recipient got: trace, receipt and notice come from one source. Beside the message stands in clear that there is
 * one, so that they are found. A copy of the message has none, and a message that is deleted takes its notice along.
 */
import type { AskedPage, Mailbox, MailboxEntry, MailboxPage, MessageId } from "./mailbox.ts";
import type { SentTo } from "./summary.ts";

export type Notice = {
  readonly id: MessageId;
  /** When it left. */
  readonly at: Date;
  /** Undefined: the keys at hand do not open it. */
  readonly said:
    | {
        readonly subject: string;
        /** The states of recipients because of whom it left in clear. */
        readonly because: readonly string[];
        /** Those who got it in clear. */
        readonly recipients: readonly SentTo[];
      }
    | undefined;
};

/** A page of notices, the newest message first. */
export type NoticePage =
  | ({ readonly kind: "notices"; readonly notices: readonly Notice[] } & Pick<MailboxPage, "next">)
  | { readonly kind: "closed" };

/** The notices of a mailbox, behind `after` or from the newest on. They need the keys. */
export async function noticesOf(mailbox: Mailbox, page: AskedPage): Promise<NoticePage> {
  const found = await mailbox.search({ hasNotice: true }, page);
  if (found.kind === "closed") return found;
  return { kind: "notices", notices: found.entries.map(noticeOf), next: found.next };
}

function noticeOf({ id, receivedAt, summary }: MailboxEntry): Notice {
  if (summary === undefined) return { id, at: receivedAt, said: undefined };
  const { subject, sent = [], verdict } = summary;
  const recipients = sent.filter(({ got }) => got === "clear");
  return {
    id,
    at: verdict.checkedAt,
    said: { subject, because: whyInClear(sent), recipients },
  };
}

/**
 * The states of recipients, each once, because of whom a message left in clear. None where it left in clear for nobody, or
 * where its sender wanted no encryption.
 */
export function whyInClear(sent: readonly SentTo[] = []): readonly string[] {
  if (!sent.some(({ got }) => got === "clear")) return [];
  // Whoever has a certificate is not the reason, and nobody else was asked. The next hop may have refused the reason.
  const lacking = sent.filter(({ code }) => code !== "" && !FOUND.has(code));
  return [...new Set(lacking.map(({ code }) => code))].toSorted();
}

/** The states of those who have a certificate (docs/use/states.md), also where they got clear text because of others. */
const FOUND: ReadonlySet<string> = new Set(["OK", "OK-CACHE", "LOCAL"]);
