/**
 * The journal: what was done, so that nobody can deny or hide it.
 *
 * The audit log (here) records what was done to keys and accounts. The log only grows. It is a chain for each shard
 * (`store/journal/audit-shards.ts`): an entry carries the hash of the entry before it, so that a change or a gap shows
 * (`sealpost audit verify`). Heads over all shards tell when the end of a shard was cut off (`audit-heads.ts`). Each entry has
 * a MAC under the service key: who can write to the database, but cannot use the service key, adds no entry that counts.
 *
 * The trace (`trace.ts`) says for each message why it was protected or not. It names addresses, so that it is deleted after a
 * few days; the audit log names account IDs and stays.
 */
import { hash } from "node:crypto";

import { equalBytes, hex, utf8 } from "../base/bytes.ts";
import { holdAuditEnd, takeAuditPlace } from "../store/journal/audit-ends.ts";
import {
  hasAudit,
  insertAudit,
  insertAuditMac,
  walkAudit,
  type AuditRow,
  type AuditRowWithMac,
} from "../store/journal/audit.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";

/** What happened. Details are words, numbers and fingerprints: no local part, no secret. */
export type AuditEntry = {
  /** When it was done. The log has the time at which it was written (`Store.auditClock`), so that its times are in order. */
  readonly at: Date;
  readonly action: string;
  readonly account?: AccountId | undefined;
  readonly detail?: Readonly<Record<string, string | number | boolean>>;
};

/** An entry as it is listed. */
export type AuditRecord = {
  readonly seq: number;
  readonly at: Date;
  readonly action: string;
  readonly account: AccountId | undefined;
  readonly detail: Readonly<Record<string, string | number | boolean>>;
};

/** Appends an entry, in the caller's transaction if there is one: it is in the log if and only if the deed was done. */
export async function appendAudit(store: Store, entry: AuditEntry): Promise<void> {
  await store.transaction(async (tx) => {
    const { action, account } = entry;
    const place = await takeAuditPlace(tx, account ?? "");
    // Whoever made a key or waited for the end of the shard has an older time than the entry before.
    const at = tx.auditClock?.now() ?? entry.at;
    const row = { ...place, at, action, account: account ?? "", detail: detailText(entry) };
    const hash = hashOf(row);
    await insertAudit(tx, { ...row, hash });
    if (tx.auditMac === undefined) return;
    const { seq } = row;
    await insertAuditMac(tx, { seq, ...tx.auditMac.sign(macText({ seq, hash })) });
  });
}

/** What is authenticated of an entry: its place, and all before it in its shard by its hash. */
export function macText({ seq, hash }: Pick<AuditRow, "seq" | "hash">): Uint8Array {
  return utf8(`audit|${String(seq)}|${hex(hash)}`);
}

/** Whether a process that holds the service key wrote an entry, and it is what was written. True where nobody can tell. */
export async function isGenuine(store: Store, row: AuditRowWithMac): Promise<boolean> {
  if (store.auditMac === undefined) return true;
  if (!equalBytes(row.hash, hashOf(row))) return false;
  const check = store.auditMac.check(macText(row), row);
  return check === "unknown"
    ? store.auditMac.isFormerKeyLost && row.serviceKey !== ""
    : check === "good";
}

/**
 * As `appendAudit`, unless the log has an entry that differs in its time alone: for what shows again each time that
 * somebody looks, so that looking does not fill a log that only grows. False when it has: of two at once one is told true.
 */
export async function appendAuditOnce(store: Store, entry: AuditEntry): Promise<boolean> {
  if (await isAudited(store, entry)) return false;
  return store.transaction(async (tx) => {
    // Of two who see it at the same time one writes.
    await holdAuditEnd(tx, entry.account ?? "");
    if (await isAudited(tx, entry)) return false;
    await appendAudit(tx, entry);
    return true;
  });
}

/** Whether the log has an entry that differs in its time at most. */
export async function isAudited(store: Store, entry: AuditEntry): Promise<boolean> {
  const { action, account } = entry;
  return hasAudit(store, { action, account: account ?? "", detail: detailText(entry) });
}

function detailText({ detail }: AuditEntry): string {
  return JSON.stringify(detail ?? {});
}

/** The action of heads (`audit-heads.ts`). */
export const HEAD_ACTION = "audit.head";

/** The log in the order of its numbers, without its heads, of one account if it is given. */
export async function* listAudit(store: Store, account?: AccountId): AsyncGenerator<AuditRecord> {
  for await (const row of walkAudit(store, account === undefined ? {} : { account })) {
    if (row.action === HEAD_ACTION) continue;
    yield {
      seq: row.seq,
      at: row.at,
      action: row.action,
      account: row.account === "" ? undefined : (row.account as AccountId),
      detail: JSON.parse(row.detail) as AuditRecord["detail"],
    };
  }
}

/** What an entry's hash must be. Each field has its length before it, so that no two rows have the same text. */
export function hashOf(row: Omit<AuditRow, "hash">): Uint8Array {
  const numbers = [row.seq, row.shard, row.place, row.at.getTime()].map(String);
  const fields = [...numbers, row.action, row.account, row.detail];
  const parts = [row.previous, ...fields.map(utf8)].flatMap((field) => [
    utf8(`${String(field.length)}:`),
    field,
  ]);
  return hash("sha256", Buffer.concat(parts), "buffer");
}
