/**
 * Takes what came while a mailbox was closed under its key, so that lists and searches need no public-key operation for it.
 * It may be interrupted at any time and done again: a summary opens before and afterwards.
 */
import { foldSummaries, type FoldedSummary } from "../../store/mailbox/folding.ts";
import { selectToFold } from "../../store/mailbox/listing.ts";
import type { EmbeddedDeps } from "./embedded-deps.ts";
import { summaryIn, wrapSummary } from "./entries.ts";
import type { At } from "./folders.ts";

/** Maximum number of summaries of one transaction. */
const MAX_FOLDED = 50;

/**
 * Folds in all that the keys open, the oldest first; what they do not open stays as it is. Ends early when `signal` says
 * so.
 */
export async function foldIn(
  deps: Pick<EmbeddedDeps, "store" | "decrypt">,
  { account, keys }: At,
  signal: AbortSignal | undefined,
): Promise<void> {
  let after = 0;
  while (keys !== undefined && signal?.aborted !== true) {
    const rows = await selectToFold(deps.store, account, { after, limit: MAX_FOLDED });
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
