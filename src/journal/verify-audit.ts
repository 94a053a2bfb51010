/** Whether the audit log is what was written: the chain of each shard, the MAC of each entry, and the heads over all shards. */
import { equalBytes, hex } from "../base/bytes.ts";
import { readAuditEnds, type AuditEnd } from "../store/journal/audit-ends.ts";
import { LAST_SHARD, shardOf } from "../store/journal/audit-shards.ts";
import { countRowsOutside, walkShard, type AuditRowWithMac } from "../store/journal/audit.ts";
import type { Store } from "../store/store.ts";
import { BEFORE_HEADS, checkHead, signHead } from "./audit-heads.ts";
import { hashOf, HEAD_ACTION, macText } from "./journal.ts";

/**
 * What checking the whole log came to. `rows` is how many entries the last head is about, and `head` its hash in hex: kept
 * elsewhere they tell a log that was written anew. `seq` is the number of the first entry that is not what was written, or
 * the number of entries that was kept.
 */
export type AuditCheck =
  | { readonly kind: "intact"; readonly rows: number; readonly head: string }
  /** `forged`: this entry has no MAC under a service key that is here. */
  | { readonly kind: "broken" | "rewritten" | "forged"; readonly seq: number };

/** A head of an earlier check, kept where whoever writes to the database does not: its entries and its hash in hex. */
export type KeptHead = { readonly rows: number; readonly head: string };

type Fault = Exclude<AuditCheck, { readonly kind: "intact" }>;

/**
 * Reads the whole log and says whether every entry is what was written and none is missing. Entries that are appended
 * meanwhile do no harm. With what an earlier check came to, also whether the log goes on from there. Of a log without a fault
 * a head is signed, so that what is returned is about every entry.
 */
export async function verifyAudit(store: Store, kept?: KeptHead): Promise<AuditCheck> {
  if ((await countRowsOutside(store)) > 0) return { kind: "broken", seq: 0 };
  const faults: Fault[] = [];
  for (const end of await readAuditEnds(store)) {
    const fault = await faultOfShard(store, end);
    if (fault !== undefined) faults.push(fault);
  }
  const [first] = faults.toSorted((one, other) => one.seq - other.seq);
  const fault = first ?? (await faultOfHeads(store, kept));
  if (fault !== undefined) return fault;
  const { kind, head } = await signHead(store);
  // Somebody changed the log meanwhile.
  if (kind === "refused") return { kind: "broken", seq: 0 };
  return { kind: "intact", rows: head.rows, head: hex(head.hash) };
}

type Last = Pick<AuditRowWithMac, "seq" | "place" | "hash">;

const NOTHING: Last = { seq: 0, place: 0, hash: new Uint8Array() };

/** The first fault of a shard, which had come to this end before. */
async function faultOfShard(store: Store, before: AuditEnd): Promise<Fault | undefined> {
  let last = NOTHING;
  let atEnd = NOTHING;
  for await (const row of walkShard(store, before.shard)) {
    const isNext = row.place === last.place + 1;
    if (!isNext) return { kind: "broken", seq: last.seq + 1 };
    if (!follows(row, last)) return { kind: "broken", seq: row.seq };
    if (!hasRightMac(store, row)) return { kind: "forged", seq: row.seq };
    last = row;
    if (row.place === before.place) atEnd = row;
  }
  const isWhole = atEnd.place === before.place && equalBytes(atEnd.hash, before.hash);
  const now = (await readAuditEnds(store)).find(({ shard }) => shard === before.shard);
  const isAtEnd = now !== undefined && last.place <= now.place;
  if (isWhole && isAtEnd) return undefined;
  return { kind: "broken", seq: Math.min(atEnd.seq || last.seq, last.seq) + 1 };
}

/** Whether a row is what was written, and stands right behind the last one of its shard. */
function follows(row: AuditRowWithMac, last: Last): boolean {
  const isNext = row.seq > last.seq && equalBytes(row.previous, last.hash);
  return isNext && row.shard === shardOf(row.account) && equalBytes(row.hash, hashOf(row));
}

/**
 * Whether the MAC of a row is right; true where nobody here can tell. Its hash was looked at before. This is stricter than
 * `isGenuine`: a row under a service key that is not here fails, even if an operator said that the key is lost.
 */
function hasRightMac({ auditMac }: Store, row: AuditRowWithMac): boolean {
  return auditMac === undefined || auditMac.check(macText(row), row) === "good";
}

/** The first head that does not fit the entries, or the kept one if it is not there. */
async function faultOfHeads(store: Store, kept: KeptHead | undefined): Promise<Fault | undefined> {
  let last = BEFORE_HEADS;
  let isKept = kept === undefined || isHead(kept, last.head);
  for await (const row of walkShard(store, LAST_SHARD)) {
    if (row.action !== HEAD_ACTION) continue;
    const checked = await checkHead(store, last, row);
    if (checked === undefined) return { kind: "broken", seq: row.seq };
    last = checked;
    isKept ||= kept !== undefined && isHead(kept, checked.head);
  }
  return isKept ? undefined : { kind: "rewritten", seq: kept?.rows ?? 0 };
}

function isHead(
  { rows, head }: KeptHead,
  of: { readonly rows: number; readonly hash: Uint8Array },
): boolean {
  return of.rows === rows && hex(of.hash) === head;
}
