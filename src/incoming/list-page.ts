/** A reader's mail in pages: a folder of the mailbox, and with the inbox what waits. */
import { fromUnixMs } from "../base/time.ts";
import {
  standardFolder,
  type Cursor,
  type FolderId,
  type Mailbox,
  type MailboxPage,
} from "../mailbox/mailbox.ts";
import type { WaitingSummary } from "../spool/spool.ts";
import { newestWaiting } from "../spool/waiting-list.ts";
import type { UnlockedKeys } from "../vault/unlocked-keys.ts";
import type { AccountId } from "../words/account.ts";
import { keptEntry, waitingEntry, type MailListEntry } from "./mail-list.ts";
import { isOpen, mailboxFor, withOpened, type KeysOf, type ReadingDeps } from "./reading.ts";

/** Maximum number of messages of a page, which it has where nothing else is asked for. */
export const MAX_PAGE = 200;

/** Where a page begins: behind the last message of the mailbox and the last waiting one that were listed. */
export type ListPlace = {
  readonly kept: Cursor | "begin" | "end";
  readonly waiting: { readonly at: number; readonly id: string } | undefined;
};

const BEGIN: ListPlace = { kept: "begin", waiting: undefined };

/** A page, the newest message first. `next`: where the next page begins; undefined on the last one. */
export type MailPage = {
  readonly entries: readonly MailListEntry[];
  readonly next: ListPlace | undefined;
};

export type AskedList = {
  /** Default: the inbox. */
  readonly folder?: FolderId | undefined;
  readonly after?: ListPlace | undefined;
  readonly limit?: number | undefined;
};

/**
 * A page of a folder; what waits stands between the messages of the inbox. Without keys nothing is opened; with keys what waits
 * is opened and judged first.
 */
export async function listMail(deps: ReadingDeps, o: AskedList & KeysOf): Promise<MailPage> {
  return withOpened(deps, o, async (keys) => pageWith(deps, o, keys));
}

async function pageWith(
  deps: ReadingDeps,
  o: AskedList & Pick<KeysOf, "account">,
  keys: UnlockedKeys | undefined,
): Promise<MailPage> {
  const { account, folder = standardFolder("inbox"), after = BEGIN } = o;
  const limit = Math.min(Math.max(o.limit ?? MAX_PAGE, 1), MAX_PAGE);
  const mailbox = await mailboxFor(deps, account, keys);
  // One more than a page holds tells whether more waits.
  const waiting =
    folder === standardFolder("inbox")
      ? await waitingBehind(deps, account, after.waiting, limit + 1)
      : [];
  const kept = await keptBehind(mailbox, folder, after.kept, limit);
  const rows = merged(waiting, kept.entries, limit);
  const shown = rows.filter((row) => "folder" in row).length;
  const nextKept = await placeBehind(mailbox, { folder, after, page: kept, shown });
  const lastWaiting = rows.findLast((row): row is Waiting => !("folder" in row));
  const isLast = rows.length - shown === waiting.length && nextKept === "end";
  const entries = await Promise.all(
    rows.map(async (row) =>
      "folder" in row ? keptEntry(row, isOpen(keys)) : waitingEntry(row, keys),
    ),
  );
  const place = lastWaiting === undefined ? after.waiting : placeOf(lastWaiting);
  return { entries, next: isLast ? undefined : { kept: nextKept, waiting: place } };
}

type Waiting = WaitingSummary;
type Kept = MailboxPage["entries"][number];

function placeOf({ receivedAt, id }: Waiting): NonNullable<ListPlace["waiting"]> {
  return { at: receivedAt.getTime(), id };
}

/** The newest first; of the same time by their IDs, so that a place stays where it is. */
async function waitingBehind(
  { store }: Pick<ReadingDeps, "store">,
  account: AccountId,
  place: ListPlace["waiting"],
  limit: number,
): Promise<readonly Waiting[]> {
  const after = place && { receivedAt: fromUnixMs(place.at), id: place.id };
  return newestWaiting(store, account, { after, limit });
}

async function keptBehind(
  mailbox: Mailbox,
  folder: FolderId,
  after: ListPlace["kept"],
  limit: number,
): Promise<MailboxPage> {
  if (after === "end") return { entries: [], next: undefined };
  return mailbox.list(folder, { after: after === "begin" ? undefined : after, limit });
}

/** The newest of both; each list keeps its order. */
function merged(
  waiting: readonly Waiting[],
  kept: readonly Kept[],
  limit: number,
): readonly (Waiting | Kept)[] {
  const rows: (Waiting | Kept)[] = [];
  for (let [w, k] = [0, 0]; rows.length < limit;) {
    const [one, other] = [waiting[w], kept[k]];
    if (one === undefined && other === undefined) break;
    const isOne = one !== undefined && (other === undefined || one.receivedAt > other.receivedAt);
    rows.push(...[isOne ? one : other].filter((row) => row !== undefined));
    if (isOne) w += 1;
    else k += 1;
  }
  return rows;
}

/** Where the mailbox goes on. A mailbox says it of whole pages, so that a shorter page is asked for once more. */
async function placeBehind(
  mailbox: Mailbox,
  o: {
    readonly folder: FolderId;
    readonly after: ListPlace;
    readonly page: MailboxPage;
    readonly shown: number;
  },
): Promise<ListPlace["kept"]> {
  const { folder, after, page, shown } = o;
  if (shown === page.entries.length) return page.next ?? "end";
  if (shown === 0) return after.kept;
  return (await keptBehind(mailbox, folder, after.kept, shown)).next ?? "end";
}

/** Where a list of the mailbox alone begins; "end": it has ended. */
export function keptAfter(place: ListPlace | undefined): Cursor | "end" | undefined {
  return place?.kept === "begin" ? undefined : place?.kept;
}

/** The same place once more, for such a list. */
export function keptPlace(next: Cursor | undefined): ListPlace | undefined {
  return next && { kept: next, waiting: undefined };
}

/** A place as a text for whoever asks for the next page. */
export function placeText({ kept, waiting }: ListPlace): string {
  const { at, id } = waiting ?? { at: 0, id: "" };
  return Buffer.from(JSON.stringify([kept, at, id])).toString("base64url");
}

/** Out of the text that `placeText` made; undefined for another text. */
export function placeFrom(text: string): ListPlace | undefined {
  try {
    const read: unknown = JSON.parse(Buffer.from(text, "base64url").toString());
    if (!Array.isArray(read) || read.length !== 3) return undefined;
    const [kept, at, id] = read as readonly unknown[];
    if (typeof kept !== "string" || typeof at !== "number" || typeof id !== "string") {
      return undefined;
    }
    return { kept: kept as ListPlace["kept"], waiting: id === "" ? undefined : { at, id } };
  } catch {
    return undefined;
  }
}
