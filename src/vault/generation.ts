import { appendAudit } from "../journal/journal.ts";
import { readAccount } from "../store/accounts/accounts.ts";
import { setLogin, type LoginRow } from "../store/accounts/logins.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";
import { generationDetail, loggedBinding, nameOf, slotNames } from "./binding.ts";
import { Conflict } from "./conflict.ts";
import { moveVerifier } from "./login-verifier.ts";
import type { VaultDeps } from "./vault-deps.ts";

/** A change of what opens an account, as it is written down. */
export type Raise = {
  readonly owner: AccountId;
  readonly at: Date;
  readonly action: string;
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
  /** Slots that were added; of the others those count that did before and are still there. */
  readonly added?: readonly { readonly id: string }[];
  /** The new login, bound to `to`; absent, the one that is there stays. */
  readonly login?: LoginRow | undefined;
  /** The generation that the change began with, and the one that it made its rows for. */
  readonly from: number;
  readonly to?: number;
};

/**
 * Ends a change in the transaction that made it, after all its rows: the account goes to the next generation, and its audit
 * entry says so. The caller holds the account and has called `requireGeneration`.
 */
export async function raiseGeneration(
  { serviceKeys }: Pick<VaultDeps, "serviceKeys">,
  tx: Store,
  raise: Raise,
): Promise<number> {
  const { owner, from, to = from + 1 } = raise;
  const names = new Set((await loggedBinding(tx, owner)).slots);
  for (const { id } of raise.added ?? []) names.add(nameOf(id));
  const read = await readAccount(tx, owner);
  if (read === undefined) throw new Conflict();
  const [was, becomes] = [
    { owner, generation: from },
    { owner, generation: to },
  ];
  const login = raise.login ?? moveVerifier(serviceKeys, read.login, was, becomes);
  await setLogin(tx, owner, to, login);
  const slots = (await slotNames(tx, owner)).filter((name) => names.has(name));
  const { at, action, detail } = raise;
  await appendAudit(tx, {
    at,
    action,
    account: owner,
    detail: { ...detail, ...generationDetail(to, slots) },
  });
  return to;
}
