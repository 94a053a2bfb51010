/** Work that ends with the standing of the account that its keys belong to. */
import { withOpen, type PendingDeps } from "../incoming/pending-deps.ts";
import type { Store } from "../store/store.ts";
import { readBinding } from "../vault/binding.ts";
import { Conflict } from "../vault/conflict.ts";
import type { AccountId } from "../words/account.ts";

/** `generation`: that of what opened the keys; without one the current one. Opening throws Conflict once it is over. */
export async function boundTo(
  pending: PendingDeps,
  account: AccountId,
  generation: number | undefined,
): Promise<PendingDeps> {
  const requireBound = await bindingTo(pending.store, account, generation);
  return withOpen(pending, async (request) => {
    await requireBound();
    return pending.open(request);
  });
}

/**
 * A function that throws Conflict once the generation of the account is another. A reset, or custody taken back, thereby ends
 * work here too, whichever process it happens in.
 */
export async function bindingTo(
  store: Store,
  account: AccountId,
  generation: number | undefined,
): Promise<() => Promise<void>> {
  const before = generation ?? (await readBinding(store, account))?.generation;
  return async () => {
    const now = await readBinding(store, account);
    if (now === undefined || now.generation !== before) throw new Conflict();
  };
}
