/** Opening that ends with the standing of the account that its keys belong to. */
import { withOpen, type PendingDeps } from "../incoming/pending-deps.ts";
import { readBinding } from "../vault/binding.ts";
import { Conflict } from "../vault/conflict.ts";
import type { AccountId } from "../words/account.ts";

/** `generation`: that of what opened the keys; without one the current one. Opening throws Conflict once it is over. */
export async function boundTo(
  pending: PendingDeps,
  account: AccountId,
  generation: number | undefined,
): Promise<PendingDeps> {
  const { store } = pending;
  const before = generation ?? (await readBinding(store, account))?.generation;
  return withOpen(pending, async (request) => {
    // A reset, or custody taken back, ends this here too, whichever process it happens in.
    const now = await readBinding(store, account);
    if (now === undefined || now.generation !== before) throw new Conflict();
    return pending.open(request);
  });
}
