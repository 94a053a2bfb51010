import type { CanonicalAddress } from "../mail/address.ts";
import type { Store } from "./store.ts";

/** Entries of the audit log that say a generation. */
const SAYS_GENERATION = '%"generation":%';

/** The generation of an account's row, and the audit entry that says the last one; of one moment. */
export async function readGeneration(
  store: Store,
  account: CanonicalAddress,
  tag: string,
): Promise<{ readonly generation: number; readonly detail: string | undefined } | undefined> {
  const row = await store.db
    .selectFrom("accounts")
    .select((accounts) => [
      "generation",
      accounts
        .selectFrom("audit")
        .select("audit.detail")
        .where("audit.account", "=", tag)
        .where("audit.detail", "like", SAYS_GENERATION)
        .orderBy("audit.seq", "desc")
        .limit(1)
        .as("detail"),
    ])
    .where("address", "=", account)
    .executeTakeFirst();
  return row === undefined
    ? undefined
    : { generation: row.generation, detail: row.detail ?? undefined };
}

/** The detail of the last entry of an account that says a generation. */
export async function lastGeneration(store: Store, tag: string): Promise<string | undefined> {
  const row = await store.db
    .selectFrom("audit")
    .select("detail")
    .where("account", "=", tag)
    .where("detail", "like", SAYS_GENERATION)
    .orderBy("seq", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.detail;
}
