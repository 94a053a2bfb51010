/** Rows of the mailbox as its reader sees them. */
import { fromUnixMs } from "../../base/time.ts";
import { wordFrom } from "../../store/engine/row.ts";
import { RESULT_STATES } from "../../store/mail/verdict.ts";
import type { PlaceInList } from "../../store/mailbox/listing.ts";
import type { MailboxRow } from "../../store/mailbox/message-rows.ts";
import { flagsIn } from "../flag-bits.ts";
import {
  type AskedPage,
  type Cursor,
  type FolderId,
  type MailboxEntry,
  type MailForm,
  type MessageId,
} from "../mailbox.ts";
import { summaryFrom, summaryOctets, withNews, type Summary } from "../summary.ts";
import type { EmbeddedDeps } from "./embedded-deps.ts";
import type { MailboxKeys, Wrapped } from "./mailbox-keys.ts";

const FORMS: readonly MailForm[] = ["sealed", "clear"];

/** The entry of a row; its summary as far as the keys open it. */
export async function entryOf(
  deps: Pick<EmbeddedDeps, "decrypt">,
  row: MailboxRow,
  keys: MailboxKeys | undefined,
): Promise<MailboxEntry> {
  return {
    id: row.id as MessageId,
    folder: row.folder as FolderId,
    flags: flagsIn(row.flags),
    form: wordFrom(FORMS, row.form),
    state: wordFrom(RESULT_STATES, row.state),
    summary: keys && (await summaryIn(deps, row, keys)),
    receivedAt: row.receivedAt,
    sizeBytes: row.sizeBytes,
  };
}

type SummaryRow = Pick<MailboxRow, "blob" | "key" | "summary" | "news">;

/** The summary of a row, with its news; undefined when the keys do not open it. */
export async function summaryIn(
  deps: Pick<EmbeddedDeps, "decrypt">,
  row: SummaryRow,
  keys: MailboxKeys,
): Promise<Summary | undefined> {
  const summary = await storedSummary(deps, row, keys);
  if (summary === undefined || row.news.length === 0) return summary;
  const opened = await deps.decrypt({ message: row.news, keys: keys.unlocked });
  return opened.kind === "decrypted" ? withNews(summary, opened.data) : summary;
}

async function storedSummary(
  { decrypt }: Pick<EmbeddedDeps, "decrypt">,
  { blob, key, summary }: SummaryRow,
  keys: MailboxKeys,
): Promise<Summary | undefined> {
  if (key !== "") {
    const octets = keys.open({ kind: "summary", id: blob }, { key, octets: summary });
    return octets && summaryFrom(octets);
  }
  const opened = await decrypt({ message: summary, keys: keys.unlocked });
  return opened.kind === "decrypted" ? summaryFrom(opened.data) : undefined;
}

/** A summary under the key of the mailbox, bound to the blob of its message, so that it goes with copies. */
export function wrapSummary(keys: MailboxKeys, blob: string, summary: Summary): Wrapped {
  return keys.wrap({ kind: "summary", id: blob }, summaryOctets(summary));
}

/** States of sealed messages that nothing opens by the way: what ended a process, or opens with no key here. */
const LEFT_CLOSED = new Set(["DAMAGED", "UNDECRYPTABLE", "CLIENT_ONLY", "LOCKED", "LOCKED_OLD"]);

/** Whether the ciphertext of messages of this state is not opened for the index, nor for another key pair. */
export function isLeftClosed(state: string): boolean {
  return LEFT_CLOSED.has(state);
}

/** Maximum number of entries of a page. */
const MAX_PAGE = 200;

type Page = { readonly after: PlaceInList | undefined; readonly limit: number };

/** Where a page begins, and how long it may be. */
export function placeOf({ after, limit }: AskedPage): Page {
  return {
    after: after === undefined ? undefined : placeAt(after),
    limit: Math.min(Math.max(limit, 1), MAX_PAGE),
  };
}

/** Where the page behind these messages begins; undefined when there is none. */
export function nextAfter(found: readonly PlaceInList[], { limit }: Page): Cursor | undefined {
  const last = found.length < limit ? undefined : found.at(-1);
  return last && (`${String(last.receivedAt.getTime())}.${String(last.number)}` as Cursor);
}

/** The place that a cursor names; undefined for a text that is none. */
function placeAt(cursor: Cursor): PlaceInList | undefined {
  const [, at, number] = /^(-?\d{1,16})\.(\d{1,15})$/.exec(cursor) ?? [];
  if (at === undefined || number === undefined) return undefined;
  return { receivedAt: fromUnixMs(Number(at)), number: Number(number) };
}
