/**
 * Takes summaries under the present key of a mailbox: what came while it was closed, so that lists and searches need no
 * public-key operation for it, and on request what is under a former key. It may be interrupted at any time and done again: a
 * summary opens before and afterwards.
 */
import { foldSummaries, type FoldedSummary } from "../../store/mailbox/folding.ts";
import { selectToFold, selectWithNews } from "../../store/mailbox/listing.ts";
import type { MailboxRow } from "../../store/mailbox/message-rows.ts";
import type { CatchUpWish } from "../mailbox.ts";
import type { EmbeddedDeps } from "./embedded-deps.ts";
import { summaryIn, wrapSummary } from "./entries.ts";
import type { At } from "./folders.ts";

/** Maximum number of summaries of one transaction. */
const MAX_FOLDED = 50;

type Deps = Pick<EmbeddedDeps, "store" | "decrypt">;

/** What ends it early, or may. */
type Ending = Pick<CatchUpWish, "signal" | "beforePage">;

/**
 * Folds in all that the keys open, the oldest first; what they do not open stays as it is. Ends early when `signal` says
 * so. @throws what `beforePage` throws.
 */
export async function foldIn(deps: Deps, at: At, ending: Ending): Promise<void> {
  for (const select of [selectToFold, selectWithNews]) {
    await wrapAnew(deps, at, async (page) => select(deps.store, at.account, page), ending);
  }
}

/** The same with the summaries that `select` gives, page after page. */
export async function wrapAnew(
  deps: Deps,
  { account, keys }: At,
  select: (page: {
    readonly after: number;
    readonly limit: number;
  }) => Promise<readonly MailboxRow[]>,
  { signal, beforePage }: Ending,
): Promise<void> {
  let after = 0;
  while (keys !== undefined && signal?.aborted !== true) {
    await beforePage?.();
    const rows = await select({ after, limit: MAX_FOLDED });
    const last = rows.at(-1);
    if (last === undefined) break;
    after = last.number;
    const opened = await Promise.all(
      rows.map(async (row) => ({ row, summary: await summaryIn(deps, row, keys) })),
    );
    const folded = opened.flatMap(({ row, summary }): readonly FoldedSummary[] => {
      if (summary === undefined) return [];
      const { key, octets } = wrapSummary(keys, row.blob, summary);
      return [{ row, key, summary: octets }];
    });
    await foldSummaries(deps.store, account, folded);
  }
}
