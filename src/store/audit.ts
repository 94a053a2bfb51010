import { fromUnixMs } from "../base/time.ts";
import type { Store } from "./store.ts";

/** A row of the audit log; `detail` is JSON text, `account` a tag that does not name the user. */
export type AuditRow = {
  readonly seq: number;
  readonly at: Date;
  readonly action: string;
  readonly account: string;
  readonly detail: string;
  readonly previous: Uint8Array;
  readonly hash: Uint8Array;
};

const PAGE = 500;
/** The one row of `audit_head`. */
const HEAD = 1;

/**
 * Takes the next place in the chain and holds it until the transaction ends, so that nobody writes in between. To be
 * used inside a transaction.
 */
export async function takeAuditPlace(
  store: Store,
): Promise<{ readonly seq: number; readonly previous: Uint8Array }> {
  const head = await store.db
    .updateTable("audit_head")
    .set((row) => ({ seq: row("seq", "+", 1) }))
    .where("id", "=", HEAD)
    .returning(["seq", "hash"])
    .executeTakeFirstOrThrow();
  return { seq: head.seq, previous: head.hash };
}

/** Writes the row for the place that was taken. */
export async function insertAudit(store: Store, row: AuditRow): Promise<void> {
  await store.db
    .insertInto("audit")
    .values({ ...row, at: row.at.getTime() })
    .execute();
  await store.db.updateTable("audit_head").set({ hash: row.hash }).where("id", "=", HEAD).execute();
}

/** What authenticates a row, and all before it through their hashes. */
export type AuditMacRow = {
  readonly seq: number;
  readonly serviceKey: string;
  readonly mac: Uint8Array;
};

export async function insertAuditMac(store: Store, row: AuditMacRow): Promise<void> {
  await store.db
    .insertInto("audit_macs")
    .values({ seq: row.seq, service_key: row.serviceKey, mac: row.mac })
    .execute();
}

/** The one of a row, if there is one. */
export async function findAuditMac(store: Store, seq: number): Promise<AuditMacRow | undefined> {
  const row = await store.db
    .selectFrom("audit_macs")
    .selectAll()
    .where("seq", "=", seq)
    .executeTakeFirst();
  return row === undefined
    ? undefined
    : { seq: row.seq, serviceKey: row.service_key, mac: row.mac };
}

/** Rows before the first place, which nothing writes: no chain leads to them. */
export async function countRowsBeforeFirst(store: Store): Promise<number> {
  const row = await store.db
    .selectFrom("audit")
    .select((of) => of.fn.countAll<number>().as("count"))
    .where("seq", "<", 1)
    .executeTakeFirstOrThrow();
  return Number(row.count);
}

/** Keeps everybody else from writing until the transaction ends. To be used inside a transaction. */
export async function holdAuditEnd(store: Store): Promise<void> {
  // A transaction on SQLite holds the only write lock already.
  const query = store.db.selectFrom("audit_head").select("seq").where("id", "=", HEAD);
  await (store.engine === "postgres" ? query.forUpdate() : query).executeTakeFirstOrThrow();
}

/** Whether the log says the same of an account already, at whatever time. */
export async function hasAudit(
  store: Store,
  { action, account, detail }: Pick<AuditRow, "action" | "account" | "detail">,
): Promise<boolean> {
  const row = await store.db
    .selectFrom("audit")
    .select("seq")
    .where("seq", ">", 0)
    .where("account", "=", account)
    .where("action", "=", action)
    .where("detail", "=", detail)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** What the last row must be. Rows behind `macsAfter` have a MAC. */
export type AuditHead = {
  readonly seq: number;
  readonly hash: Uint8Array;
  readonly macsAfter: number;
};

export async function readAuditHead(store: Store): Promise<AuditHead> {
  const row = await store.db
    .selectFrom("audit_head")
    .select(["seq", "hash", "macs_after"])
    .where("id", "=", HEAD)
    .executeTakeFirstOrThrow();
  return { seq: row.seq, hash: row.hash, macsAfter: row.macs_after };
}

/** The log after a place, page by page, of one account if its tag is given. */
export async function* walkAudit(
  store: Store,
  options: { readonly after?: number; readonly account?: string } = {},
): AsyncGenerator<AuditRow> {
  let after = options.after ?? 0;
  for (;;) {
    let query = store.db.selectFrom("audit").selectAll().where("seq", ">", after);
    if (options.account !== undefined) query = query.where("account", "=", options.account);
    const rows = await query.orderBy("seq").limit(PAGE).execute();
    for (const row of rows) {
      after = row.seq;
      yield { ...row, at: fromUnixMs(row.at) };
    }
    if (rows.length < PAGE) return;
  }
}
