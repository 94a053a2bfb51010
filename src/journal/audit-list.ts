/** The audit log for people: accounts that are here are named by their addresses. */
import { formatAddress } from "../mail/address.ts";
import { readAccount } from "../store/accounts/accounts.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";
import { listAudit, type AuditRecord } from "./journal.ts";

/** An entry with the primary address that its account has now; undefined when the account is gone, or there is none. */
export type NamedAuditRecord = AuditRecord & { readonly address: string | undefined };

/** The log in order, of one account if it is given. */
export async function* listAuditNamed(
  store: Store,
  account?: AccountId,
): AsyncGenerator<NamedAuditRecord> {
  const names = new Map<AccountId, string | undefined>();
  for await (const one of listAudit(store, account)) {
    const id = one.account;
    if (id !== undefined && !names.has(id)) names.set(id, await nameOf(store, id));
    yield { ...one, address: id === undefined ? undefined : names.get(id) };
  }
}

async function nameOf(store: Store, id: AccountId): Promise<string | undefined> {
  const account = (await readAccount(store, id))?.account;
  return account === undefined ? undefined : formatAddress(account.address);
}
