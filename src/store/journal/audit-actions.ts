import { fromUnixMs } from "../../base/time.ts";
import type { AccountId } from "../../words/account.ts";
import type { Store } from "../store.ts";
import type { AuditRow } from "./audit.ts";

/** How often something was done from a time on, behind a place in the log; to one account if it is given. */
export async function countActions(
  store: Store,
  action: string,
  from: { readonly at: Date; readonly afterSeq: number; readonly account?: AccountId },
): Promise<number> {
  const all = store.db
    .selectFrom("audit")
    .select((expression) => expression.fn.countAll<number>().as("count"))
    .where("action", "=", action)
    .where("at", ">", from.at.getTime())
    .where("seq", ">", Math.max(from.afterSeq, 0));
  const { account } = from;
  const query = account === undefined ? all : all.where("account", "=", account);
  const row = await query.executeTakeFirstOrThrow();
  return Number(row.count);
}

/** The entries of some actions behind a place in the log, in its order. For actions that are rare. */
export async function selectActions(
  store: Store,
  actions: readonly string[],
  afterSeq: number,
): Promise<readonly Pick<AuditRow, "seq" | "at" | "action" | "detail">[]> {
  const rows = await store.db
    .selectFrom("audit")
    .select(["seq", "at", "action", "detail"])
    .where("action", "in", actions)
    .where("seq", ">", Math.max(afterSeq, 0))
    .orderBy("seq")
    .execute();
  return rows.map((row) => ({ ...row, at: fromUnixMs(row.at) }));
}

/** The place of the last entry of an action; 0 when there is none. */
export async function lastAction(store: Store, action: string): Promise<number> {
  const row = await store.db
    .selectFrom("audit")
    .select((expression) => expression.fn.max("seq").as("seq"))
    .where("seq", ">", 0)
    .where("action", "=", action)
    .executeTakeFirst();
  return Number(row?.seq ?? 0);
}

/** When an action was done last; undefined when it never was. */
export async function lastActionAt(store: Store, action: string): Promise<Date | undefined> {
  const seq = await lastAction(store, action);
  const row = await store.db
    .selectFrom("audit")
    .select("at")
    .where("seq", "=", seq)
    .executeTakeFirst();
  return seq === 0 || row === undefined ? undefined : fromUnixMs(row.at);
}
