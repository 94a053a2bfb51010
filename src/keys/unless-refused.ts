/** Transactions that a refusal undoes: what was written before the refusal must not stay. */
import type { Store } from "../store/store.ts";

const BECAUSE = Symbol("because");

/** What the work of a transaction returns in place of its answer, so that nothing of the work stays. */
export type Refused<Refusal> = { readonly [BECAUSE]: Refusal };

/** The transaction is undone when its work returns this. */
export function refuse<const Refusal>(because: Refusal): Refused<Refusal> {
  return { [BECAUSE]: because };
}

/**
 * Returns the answer of a transaction's work, or why it was refused. A refusal undoes the transaction. Inside another
 * transaction only the outer one undoes anything, so the outer work has to return the refusal as well. `work` may run
 * again (`Store.transaction`).
 */
export async function unlessRefused<Answer, Refusal = never>(
  store: Store,
  work: (tx: Store) => Promise<Answer | Refused<Refusal>>,
): Promise<Answer | Refusal> {
  const undone: { by?: Refused<Refusal> } = {};
  const rollback = new Error("undone by a refusal");
  try {
    return await store.transaction(async (tx) => {
      const result = await work(tx);
      if (!isRefused(result)) return result;
      undone.by = result;
      throw rollback;
    }, "may-run-again");
  } catch (error) {
    if (error !== rollback || undone.by === undefined) throw error;
    return undone.by[BECAUSE];
  }
}

function isRefused<Answer, Refusal>(result: Answer | Refused<Refusal>): result is Refused<Refusal> {
  return typeof result === "object" && result !== null && BECAUSE in result;
}
