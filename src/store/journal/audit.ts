import { fromUnixMs } from "../../base/time.ts";
import type { AccountId } from "../../words/account.ts";
import { type Page, pageUnderOthers } from "../keys/under-others.ts";
import type { Store } from "../store.ts";
import { moveAuditEnd, type AuditPlace } from "./audit-ends.ts";
import { LAST_SHARD } from "./audit-shards.ts";

/**
 * A row of the audit log; `detail` is JSON text, `account` the random ID of an account, or "". In its shard `seq` grows with
 * `place`. Of different shards neighbours by `seq` may have been committed in another order.
 */
export type AuditRow = AuditPlace & {
  readonly at: Date;
  readonly action: string;
  readonly account: string;
  readonly detail: string;
  readonly hash: Uint8Array;
};

const PAGE = 500;

/** Writes the row for the place that was taken. */
export async function insertAudit(store: Store, row: AuditRow): Promise<void> {
  await store.db
    .insertInto("audit")
    .values({ ...row, at: row.at.getTime() })
    .execute();
  await moveAuditEnd(store, row);
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

/** Rows with a MAC under another service key, behind one of them. */
export async function macsUnderOthers(
  store: Store,
  serviceKey: string,
  page: Page<number>,
): Promise<readonly (AuditMacRow & Pick<AuditRow, "hash">)[]> {
  const columns = ["audit_macs.service_key", "audit_macs.seq"] as const;
  const rows = await pageUnderOthers(serviceKey, page, columns, async (range, limit) =>
    store.db
      .selectFrom("audit_macs")
      .innerJoin("audit", "audit.seq", "audit_macs.seq")
      .select(["audit_macs.seq", "audit_macs.service_key", "audit_macs.mac", "audit.hash"])
      .where(range)
      .orderBy("audit_macs.service_key")
      .orderBy("audit_macs.seq")
      .limit(limit)
      .execute(),
  );
  return rows.map(({ seq, service_key: name, mac, hash }) => ({
    seq,
    serviceKey: name,
    mac,
    hash,
  }));
}

export async function replaceAuditMac(store: Store, row: AuditMacRow): Promise<void> {
  await store.db
    .updateTable("audit_macs")
    .set({ service_key: row.serviceKey, mac: row.mac })
    .where("seq", "=", row.seq)
    .execute();
}

/** Rows before the first number or in no shard, which nothing writes: no chain leads to them. */
export async function countRowsOutside(store: Store): Promise<number> {
  const row = await store.db
    .selectFrom("audit")
    .select((of) => of.fn.countAll<number>().as("count"))
    .where((of) => of.or([of("seq", "<", 1), of("shard", "<", 0), of("shard", ">", LAST_SHARD)]))
    .executeTakeFirstOrThrow();
  return Number(row.count);
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

/** Entries of the audit log that say a generation. */
export const SAYS_GENERATION = '%"generation":%';

/** A row with its MAC; `serviceKey` is empty where there is none. */
export type AuditRowWithMac = AuditRow & Pick<AuditMacRow, "serviceKey" | "mac">;

/** The log after a place, page by page, of one account if it is given. */
export async function* walkAudit(
  store: Store,
  options: { readonly after?: number; readonly account?: AccountId } = {},
): AsyncGenerator<AuditRowWithMac> {
  let after = options.after ?? 0;
  for (;;) {
    let query = store.db
      .selectFrom("audit")
      .leftJoin("audit_macs", (join) =>
        // The second condition keeps a page from reading the rows before it.
        join.onRef("audit_macs.seq", "=", "audit.seq").on("audit_macs.seq", ">", after),
      )
      .selectAll("audit")
      .select(["audit_macs.service_key", "audit_macs.mac"])
      .where("audit.seq", ">", after);
    if (options.account !== undefined) query = query.where("audit.account", "=", options.account);
    const rows = await query.orderBy("audit.seq").limit(PAGE).execute();
    for (const row of rows) {
      after = row.seq;
      yield withMac(row);
    }
    if (rows.length < PAGE) return;
  }
}

/** The entries of a shard in the order of their places, page by page. */
export async function* walkShard(store: Store, shard: number): AsyncGenerator<AuditRowWithMac> {
  let last: number | undefined;
  for (;;) {
    const query = rowsWithMacs(store).where("audit.shard", "=", shard);
    const page = last === undefined ? query : query.where("audit.place", ">", last);
    const rows = await page.orderBy("audit.place").limit(PAGE).execute();
    for (const row of rows) {
      last = row.place;
      yield withMac(row);
    }
    if (rows.length < PAGE) return;
  }
}

/** The last entry of an action in a shard, before a place if it is given. */
export async function lastInShard(
  store: Store,
  { shard, action }: Pick<AuditRow, "shard" | "action">,
  before: number = Number.MAX_SAFE_INTEGER,
): Promise<AuditRowWithMac | undefined> {
  const row = await rowsWithMacs(store)
    .where("audit.shard", "=", shard)
    .where("audit.place", "<", before)
    .where("audit.action", "=", action)
    .orderBy("audit.place", "desc")
    .limit(1)
    .executeTakeFirst();
  return row && withMac(row);
}

/** The hashes of the entries at some places; places that are empty are left out. */
export async function hashesAt(
  store: Store,
  places: readonly Pick<AuditRow, "shard" | "place">[],
): Promise<readonly Pick<AuditRow, "shard" | "place" | "hash">[]> {
  if (places.length === 0) return [];
  return store.db
    .selectFrom("audit")
    .select(["shard", "place", "hash"])
    .where((of) => of.or(places.map(({ shard, place }) => of.and({ shard, place }))))
    .execute();
}

/** Rows of the log, each with its MAC where it has one; `withMac` reads them. */
export function rowsWithMacs({ db }: Store) {
  return db
    .selectFrom("audit")
    .leftJoin("audit_macs", "audit_macs.seq", "audit.seq")
    .selectAll("audit")
    .select(["audit_macs.service_key", "audit_macs.mac"]);
}

/** A row of `audit`, left joined with `audit_macs`. */
export function withMac({
  service_key: serviceKey,
  mac,
  ...row
}: Omit<AuditRow, "at"> & {
  readonly at: number;
  readonly service_key: string | null;
  readonly mac: Uint8Array | null;
}): AuditRowWithMac {
  const made = { serviceKey: serviceKey ?? "", mac: mac ?? new Uint8Array() };
  return { ...row, at: fromUnixMs(row.at), ...made };
}
