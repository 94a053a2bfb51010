/**
 * Row locks on accounts: alone, for an event that changes the account, or shared, for writes that only need it to stay. A
 * transaction on SQLite holds the only write lock already, so there nothing more is locked.
 */
import type { AccountId } from "../../words/account.ts";
import { compiled } from "../engine/compiled.ts";
import type { Store } from "../store.ts";

/** Keeps every other event of this account waiting until the caller's transaction ends; false when there is no such account. */
export async function lockAccount(store: Store, id: AccountId): Promise<boolean> {
  const query = store.db.selectFrom("accounts").select("id").where("id", "=", id);
  const row = await (store.engine === "postgres" ? query.forUpdate() : query).executeTakeFirst();
  return row !== undefined;
}

/**
 * Keeps an account until the caller's transaction ends: nobody closes or erases it meanwhile, and others who only add to it
 * do not wait. Every write that follows a look-up outside of the transaction needs it. `undefined`: the account is gone.
 */
export async function holdAccount(
  store: Store,
  id: AccountId,
): Promise<"open" | "closed" | undefined> {
  const row = await holdRow(store, { id }).executeTakeFirst();
  return row === undefined ? undefined : row.state === "closed" ? "closed" : "open";
}

const holdRow = compiled((db, { id }: { readonly id: string }, engine) => {
  const query = db.selectFrom("accounts").select("state").where("id", "=", id);
  return engine === "postgres" ? query.forShare() : query;
});
