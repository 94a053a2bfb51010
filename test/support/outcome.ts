/** What a flow returned, of the kind that a test expects. */
import assert from "node:assert/strict";

type Outcome = { readonly kind: string };

/** Fails unless the outcome is of this kind. */
export async function came<Any extends Outcome, Kind extends Any["kind"]>(
  flow: Promise<Any>,
  kind: Kind,
): Promise<Extract<Any, { readonly kind: Kind }>> {
  const outcome = await flow;
  const isExpected = (one: Any): one is Extract<Any, { readonly kind: Kind }> => one.kind === kind;
  assert(isExpected(outcome), `"${outcome.kind}" instead of "${kind}"`);
  return outcome;
}
