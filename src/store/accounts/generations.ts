import type { Selectable } from "kysely";

import type { AccountId } from "../../words/account.ts";
import { compiled } from "../engine/compiled.ts";
import type { Schema } from "../engine/schema.ts";
import { rowsWithMacs, SAYS_GENERATION, withMac, type AuditRowWithMac } from "../journal/audit.ts";
import type { Store } from "../store.ts";

/** The generation of an account's row, and an audit entry that says one; of one moment. */
export type SaidGeneration = {
  readonly generation: number;
  readonly entry: AuditRowWithMac | undefined;
};

/**
 * The generation of an account's row, and the last audit entry before a place that says one; of one moment. Whether the
 * entry is genuine is for the caller to check.
 */
export async function readGeneration(
  store: Store,
  account: AccountId,
  before: number,
): Promise<SaidGeneration | undefined> {
  const row = await selectGeneration(store, { account, before }).executeTakeFirst();
  return row && { generation: row.generation, entry: saidEntry(row) };
}

type Place = { readonly account: string; readonly before: number };

const selectGeneration = compiled((db, { account, before }: Place) =>
  db
    .selectFrom("accounts")
    .leftJoin("audit", (join) =>
      join.on("audit.seq", "=", (of) =>
        of
          .selectFrom("audit as said")
          .select((said) => said.fn.max("said.seq").as("seq"))
          .where("said.account", "=", account)
          .where("said.detail", "like", SAYS_GENERATION)
          .where("said.seq", "<", before),
      ),
    )
    .leftJoin("audit_macs", "audit_macs.seq", "audit.seq")
    .select("accounts.generation")
    .select(SAID_COLUMNS)
    .where("accounts.id", "=", account),
);

/** The columns of an entry that is joined to its account. */
export const SAID_COLUMNS = [
  "audit.seq",
  "audit.shard",
  "audit.place",
  "audit.at",
  "audit.action",
  "audit.account as said_of",
  "audit.detail",
  "audit.previous",
  "audit.hash",
  "audit_macs.service_key",
  "audit_macs.mac",
] as const;

type Joined = {
  readonly [Column in keyof AuditTable]: Selectable<AuditTable>[Column] | null;
};
type SaidRow = Omit<Joined, "account"> & {
  readonly said_of: string | null;
  readonly service_key: string | null;
  readonly mac: Uint8Array | null;
};
type AuditTable = Schema["audit"];

/** The entry in a row with these columns; undefined where the join found none. */
export function saidEntry(row: SaidRow): AuditRowWithMac | undefined {
  const { seq, shard, place, at, action, said_of: account, detail, previous, hash } = row;
  const entry = { seq, shard, place, at, action, account, detail, previous, hash };
  if (!isThere(entry)) return undefined;
  return withMac({ ...entry, service_key: row.service_key, mac: row.mac });
}

/** Whether an outer join found a row. */
function isThere<Row extends object>(
  row: Row,
): row is { [Column in keyof Row]: NonNullable<Row[Column]> } & Row {
  return Object.values(row).every((value) => value !== null);
}

/** The last entry of an account before a place that says a generation. */
export async function lastGeneration(
  store: Store,
  account: AccountId,
  before: number,
): Promise<AuditRowWithMac | undefined> {
  const row = await rowsWithMacs(store)
    .where("audit.account", "=", account)
    .where("audit.detail", "like", SAYS_GENERATION)
    .where("audit.seq", "<", before)
    .orderBy("audit.seq", "desc")
    .limit(1)
    .executeTakeFirst();
  return row && withMac(row);
}

/** How many accounts one query names at most. */
const IN_ONE_QUERY = 500;

/** The generations of the rows of those accounts that exist. Whether the log says the same is for the caller to check. */
export async function listGenerations(
  store: Store,
  accounts: readonly AccountId[],
): Promise<ReadonlyMap<AccountId, number>> {
  const found = new Map<AccountId, number>();
  for (let at = 0; at < accounts.length; at += IN_ONE_QUERY) {
    const rows = await store.db
      .selectFrom("accounts")
      .select(["id", "generation"])
      .where("id", "in", accounts.slice(at, at + IN_ONE_QUERY))
      .execute();
    for (const { id, generation } of rows) found.set(id as AccountId, generation);
  }
  return found;
}
