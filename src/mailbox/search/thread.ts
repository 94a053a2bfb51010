/** Conversations: messages that name each other by Message-ID and References (RFC 5322 §3.6.4). */
import { isShown, type MailboxRow } from "../../store/mailbox/message-rows.ts";
import { selectByNumber } from "../../store/mailbox/search-places.ts";
import type { Summary } from "../summary.ts";
import type { SearchIndex } from "./search-index.ts";
import { current, newestFirst, whileChanging } from "./searching.ts";
import { idTerm, referenceTerm } from "./terms.ts";
import type { OpenMailbox } from "./wrapped.ts";

/** Maximum number of messages of a conversation that are shown. */
const MAX_MESSAGES = 500;
/** Maximum number of Message-IDs that are followed. */
const MAX_IDS = 500;

/** Opens the summary of a row; undefined when the keys do not open it. */
export type OpenSummary = (row: MailboxRow) => Promise<Summary | undefined>;

/**
 * The conversation of a message, the oldest first: what it names, what names it, and so on from each of these. Removed
 * messages are left out, and lead to no others.
 */
export async function rowsOfThread(
  mailbox: OpenMailbox,
  index: SearchIndex,
  first: MailboxRow,
  summaryIn: OpenSummary,
): Promise<readonly MailboxRow[]> {
  const rows = new Map([[first.number, first]]);
  const known = new Set<string>();
  let added: readonly MailboxRow[] = [first];
  while (added.length > 0 && rows.size < MAX_MESSAGES) {
    const fresh = new Set<string>();
    for (const row of added) {
      for (const id of namedBy(await summaryIn(row))) {
        if (!known.has(id) && known.size + fresh.size < MAX_IDS) fresh.add(id);
      }
    }
    for (const id of fresh) known.add(id);
    added = await naming(mailbox, index, fresh, rows);
    for (const row of added) rows.set(row.number, row);
  }
  return [...rows.values()].toSorted((a, b) => newestFirst(b, a));
}

function namedBy(summary: Summary | undefined): readonly string[] {
  if (summary === undefined) return [];
  return [summary.messageId, ...summary.references].filter((id) => id !== "");
}

/** The messages that have one of these Message-IDs, or refer to it, without those that are known. */
async function naming(
  mailbox: OpenMailbox,
  index: SearchIndex,
  ids: ReadonlySet<string>,
  known: ReadonlyMap<number, MailboxRow>,
): Promise<readonly MailboxRow[]> {
  if (ids.size === 0) return [];
  const clause = [...ids].flatMap((id) => [idTerm(id), referenceTerm(id)]);
  return whileChanging(async (isLast) => {
    const matches = await index.matching([clause]);
    if (matches === undefined) return undefined;
    const others = [...matches.numbers].filter((number) => !known.has(number));
    const numbers = others.slice(0, MAX_MESSAGES - known.size);
    const rows = await selectByNumber(mailbox.store, mailbox.account, numbers);
    return current(mailbox, matches, rows.filter(isShown), isLast);
  });
}
