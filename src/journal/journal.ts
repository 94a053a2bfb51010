/**
 * The journal: what was done, so that nobody can deny or hide it.
 *
 * The audit log (here) records what was done to keys and accounts. The log only grows. Each entry carries the hash of the
 * entry before it, so that a change, a gap or a cut end shows (`sealpost audit verify`). Each entry also has a MAC under the
 * service key: who can write to the database, but cannot use the service key, cannot add an entry that counts.
 *
 * The trace (`trace.ts`) says for each message why it was protected or not. It names addresses, so that it is deleted after a
 * few days; the audit log names account IDs and stays.
 */
import { createHash } from "node:crypto";

import { equalBytes, utf8 } from "../base/bytes.ts";
import {
  countRowsBeforeFirst,
  hasAudit,
  holdAuditEnd,
  insertAudit,
  insertAuditMac,
  macsUnderOthers,
  readAuditHead,
  replaceAuditMac,
  takeAuditPlace,
  walkAudit,
  type AuditRow,
  type AuditRowWithMac,
} from "../store/journal/audit.ts";
import type { Store } from "../store/store.ts";
import type { Page } from "../store/keys/under-others.ts";
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

/**
 * What checking the whole chain came to; `head` is the hash of the last row, which kept elsewhere tells a chain that was
 * written anew; `seq` is the first row that is not what was written, or the one that is not what was kept of it.
 */
export type AuditCheck =
  | { readonly kind: "intact"; readonly rows: number; readonly head: string }
  /** `forged`: this entry has no MAC under a service key that is here. */
  | { readonly kind: "broken" | "rewritten" | "forged"; readonly seq: number };

/** A row of an earlier check, kept where whoever writes to the database does not: its number and its hash in hex. */
export type KeptHead = { readonly rows: number; readonly head: string };

/** Appends an entry, in the caller's transaction if there is one: it is in the log if and only if the deed was done. */
export async function appendAudit(store: Store, entry: AuditEntry): Promise<void> {
  await store.transaction(async (tx) => {
    const { action, account } = entry;
    const place = await takeAuditPlace(tx);
    // Whoever made a key or waited for the log's end has an older time than the entry before.
    const at = tx.auditClock?.now() ?? entry.at;
    const row = { ...place, at, action, account: account ?? "", detail: detailText(entry) };
    const hash = hashOf(row);
    await insertAudit(tx, { ...row, hash });
    if (tx.auditMac === undefined) return;
    const { seq } = row;
    await insertAuditMac(tx, { seq, ...tx.auditMac.sign(macText({ seq, hash })) });
  });
}

/** The last entry, for a place where whoever writes to the database does not write. */
export async function auditHead(
  store: Store,
): Promise<{ readonly seq: number; readonly hash: string }> {
  const { seq, hash } = await readAuditHead(store);
  return { seq, hash: hex(hash) };
}

/** What is authenticated of an entry: its place, and all before it by its hash. */
function macText({ seq, hash }: Pick<AuditRow, "seq" | "hash">): Uint8Array {
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
    await holdAuditEnd(tx);
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

/**
 * Reads the whole chain and says whether every row is what was written and none is missing. Rows that are appended
 * meanwhile do no harm. With what an earlier check came to, also whether the log goes on from there.
 */
export async function verifyAudit(store: Store, kept?: KeptHead): Promise<AuditCheck> {
  if ((await countRowsBeforeFirst(store)) > 0) return { kind: "broken", seq: 0 };
  const before = await readAuditHead(store);
  let last = { seq: 0, hash: new Uint8Array() as Uint8Array };
  let atHead = last;
  let hashOfThen = "";
  for await (const row of walkAudit(store)) {
    const fault = faultOf(store, row, last);
    if (fault !== undefined) return fault;
    last = row;
    if (row.seq === before.seq) atHead = row;
    if (row.seq === kept?.rows) hashOfThen = hex(row.hash);
  }
  const isWhole = atHead.seq === before.seq && equalBytes(atHead.hash, before.hash);
  const isAtEnd = last.seq <= (await readAuditHead(store)).seq;
  if (!isWhole || !isAtEnd) return { kind: "broken", seq: Math.min(before.seq, last.seq) + 1 };
  if (kept !== undefined && kept.head !== hashOfThen) return { kind: "rewritten", seq: kept.rows };
  return { kind: "intact", rows: last.seq, head: hex(last.hash) };
}

function faultOf(
  store: Store,
  row: AuditRowWithMac,
  last: Pick<AuditRow, "seq" | "hash">,
): AuditCheck | undefined {
  if (!follows(row, last)) return { kind: "broken", seq: last.seq + 1 };
  return isAuthentic(store, row) ? undefined : { kind: "forged", seq: row.seq };
}

/** Whether a process that holds the service key wrote a row; true where nobody here can tell. */
function isAuthentic({ auditMac }: Store, row: AuditRowWithMac): boolean {
  return auditMac === undefined || auditMac.check(macText(row), row) === "good";
}

const MACS_A_PAGE = 500;

/**
 * Authenticates under the service key in force what is authenticated under former ones, so that these can be deleted. A
 * MAC that is wrong stays what it is. @returns how many were made.
 */
export async function renewAuditMacs(store: Store): Promise<number> {
  let made = 0;
  let after: Page<number>["after"];
  for (;;) {
    const page = { after, limit: MACS_A_PAGE };
    const done = await store.transaction(async (tx) => renewPage(tx, page));
    made += done.made;
    if (done.last === undefined) return made;
    after = done.last;
  }
}

async function renewPage(tx: Store, page: Page<number>) {
  const { auditMac } = tx;
  if (auditMac === undefined) return { made: 0, last: undefined };
  const { serviceKey: current } = auditMac.sign(new Uint8Array());
  const rows = await macsUnderOthers(tx, current, page);
  let made = 0;
  for (const row of rows) {
    const text = macText(row);
    if (auditMac.check(text, row) !== "good") continue;
    await replaceAuditMac(tx, { seq: row.seq, ...auditMac.sign(text) });
    made += 1;
  }
  const last = rows.at(-1);
  return { made, last: last && { serviceKey: last.serviceKey, name: last.seq } };
}

/** Whether a row is what was written, and stands right behind the last one. */
function follows(row: AuditRow, last: Pick<AuditRow, "seq" | "hash">): boolean {
  const isNext = row.seq === last.seq + 1 && equalBytes(row.previous, last.hash);
  return isNext && equalBytes(row.hash, hashOf(row));
}

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("hex");
}

/** The log in order, of one account if it is given. */
export async function* listAudit(store: Store, account?: AccountId): AsyncGenerator<AuditRecord> {
  for await (const row of walkAudit(store, account === undefined ? {} : { account })) {
    yield {
      seq: row.seq,
      at: row.at,
      action: row.action,
      account: row.account === "" ? undefined : (row.account as AccountId),
      detail: JSON.parse(row.detail) as AuditRecord["detail"],
    };
  }
}

/** Each field with its length before it, so that no two rows have the same text. */
function hashOf(row: Omit<AuditRow, "hash">): Uint8Array {
  const hash = createHash("sha256");
  const fields = [String(row.seq), String(row.at.getTime()), row.action, row.account, row.detail];
  for (const field of [row.previous, ...fields.map(utf8)]) {
    hash.update(`${field.length}:`).update(field);
  }
  return hash.digest();
}
