/**
 * Puts messages into the index, the oldest first. It may be interrupted at any time and done again, and several processes
 * may do it at once: each message is indexed once, with the content that it has.
 */
import { isProgramFault, TooCostly } from "../../base/errors.ts";
import type { MailboxRow } from "../../store/mailbox/message-rows.ts";
import {
  insertTerms,
  selectTerms,
  selectToIndex,
  type MadeTerms,
  type WrappedTerms,
} from "../../store/mailbox/search-terms.ts";
import type { EmbeddedDeps } from "../embedded/embedded-deps.ts";
import { entryOf, isLeftClosed, summaryIn } from "../embedded/entries.ts";
import { receivedIn } from "../embedded/stored-form.ts";
import type { CatchUpWish } from "../mailbox.ts";
import { makeSegments, MAX_SEGMENT } from "./segment-making.ts";
import { NO_TERMS, termsOf, withKeywords, type TermText } from "./terms.ts";
import { openTerms, wrapTerms, type OpenMailbox } from "./wrapped.ts";

/** Maximum number of messages that are indexed in one transaction. */
const MAX_AT_ONCE = 50;

type Deps = Pick<EmbeddedDeps, "blobs" | "decrypt" | "textTermsOf" | "segmentOf">;

/**
 * Indexes what the keys open; what they do not open stays as it is. @returns how many messages were indexed. @throws what
 * `beforePage` throws.
 */
export async function indexNew(
  deps: Deps,
  mailbox: OpenMailbox,
  { signal, beforePage, progress }: CatchUpWish,
): Promise<number> {
  const { store, account } = mailbox;
  let [count, loose, after] = [0, 0, 0];
  while (signal?.aborted !== true) {
    await beforePage?.();
    const rows = await selectToIndex(store, account, { after, limit: MAX_AT_ONCE });
    const last = rows.at(-1);
    if (last === undefined) break;
    after = last.number;
    const stored = await insertTerms(store, account, await termsOfAll(deps, mailbox, rows, signal));
    count += stored;
    loose += stored;
    progress?.(count);
    if (loose < MAX_SEGMENT) continue;
    loose = 0;
    await makeSegments(deps, mailbox, { signal, beforePage });
  }
  await makeSegments(deps, mailbox, { signal, beforePage });
  return count;
}

/** One after the other, because each is opened as a whole. */
async function termsOfAll(
  deps: Deps,
  mailbox: OpenMailbox,
  rows: readonly MailboxRow[],
  signal: AbortSignal | undefined,
): Promise<readonly MadeTerms[]> {
  const made: MadeTerms[] = [];
  for (const row of rows) {
    if (signal?.aborted === true) break;
    const terms = await termsOfRow(deps, mailbox, row);
    if (terms !== undefined) made.push({ row, ...terms });
  }
  return made;
}

/** A message whose body does not open is found by its summary. */
async function termsOfRow(
  deps: Deps,
  { keys }: OpenMailbox,
  row: MailboxRow,
): Promise<WrappedTerms | undefined> {
  const summary = await summaryIn(deps, row, keys);
  const body = summary && (await deps.blobs.read(row.blob).catch(() => undefined));
  if (summary === undefined || body === undefined) return undefined;
  const ofText = await textTermsIn(deps, keys, row, body);
  if (ofText === undefined) return undefined;
  return wrapTerms(keys, row.number, termsOf(summary, ofText));
}

/** None where nothing is to be read; undefined where a trouble passes, so that the message is indexed another time. */
async function textTermsIn(
  deps: Deps,
  keys: OpenMailbox["keys"],
  row: MailboxRow,
  body: Uint8Array,
): Promise<TermText | undefined> {
  const { form, state } = await entryOf(deps, row, undefined);
  if (isLeftClosed(state)) return NO_TERMS;
  try {
    const received = await receivedIn(deps, { form, body, keys: keys.unlocked });
    return received === undefined
      ? NO_TERMS
      : await deps.textTermsOf(received, form, keys.unlocked);
  } catch (error) {
    return error instanceof TooCostly || isProgramFault(error) ? NO_TERMS : undefined;
  }
}

/** The terms of a message with other keywords; undefined when it is to be indexed as a whole. */
export async function termsWithKeywords(
  { store, account, keys }: OpenMailbox,
  number: number,
  keywords: readonly string[],
): Promise<WrappedTerms | undefined> {
  const [row] = await selectTerms(store, account, [number]);
  const terms = row && openTerms(keys, row);
  return terms === undefined ? undefined : wrapTerms(keys, number, withKeywords(terms, keywords));
}
