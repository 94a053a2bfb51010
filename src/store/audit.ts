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
  await store.db.updateTable("audit_head").set({ hash: row.hash }).execute();
}

/** Keeps everybody else from writing until the transaction ends. To be used inside a transaction. */
export async function holdAuditEnd(store: Store): Promise<void> {
  // A transaction on SQLite holds the only write lock already.
  const query = store.db.selectFrom("audit_head").select("seq");
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
    .where("account", "=", account)
    .where("action", "=", action)
    .where("detail", "=", detail)
    .limit(1)
    .executeTakeFirst();
  return row !== undefined;
}

/** What the last row must be. */
export async function readAuditHead(
  store: Store,
): Promise<{ readonly seq: number; readonly hash: Uint8Array }> {
  return store.db.selectFrom("audit_head").select(["seq", "hash"]).executeTakeFirstOrThrow();
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
