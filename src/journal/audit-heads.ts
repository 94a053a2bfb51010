/**
 * Heads of the audit log: one chain over all its shards. A shard alone does not tell that its end was cut off. So a head is
 * written each second in which something was appended: it says how far each shard had come, and which entries stood there.
 *
 * A head is an entry itself, in the shard of entries without an account. So it is chained to the head before, has a MAC under
 * the service key, and cannot be changed. What is appended and cut off again before the next head leaves no trace.
 */
import { createHash } from "node:crypto";

import { SECOND, systemClock } from "../base/time.ts";
import { holdAuditEnd, readAuditEnds, type AuditEnd } from "../store/journal/audit-ends.ts";
import { LAST_SHARD, SHARDS } from "../store/journal/audit-shards.ts";
import { hashesAt, lastInShard, type AuditRow } from "../store/journal/audit.ts";
import type { Store } from "../store/store.ts";
import { appendAudit, HEAD_ACTION, isGenuine, macText } from "./journal.ts";

/** How long an entry waits at most for a head while a gateway runs, in milliseconds. */
export const HEAD_EVERY_MS = SECOND;

/** What a head says. */
export type AuditHead = {
  /** Heads are counted from 1. */
  readonly number: number;
  /** How many entries there were in all shards, heads not counted: no two heads say the same. */
  readonly rows: number;
  /** How far each shard had come, in the order of the shards. */
  readonly places: readonly number[];
  /** The hash in hex over the places and the hashes of the entries there. */
  readonly ends: string;
};

/** A head that was written, with the hash of its entry. */
export type WrittenHead = AuditHead & { readonly hash: Uint8Array };

const EMPTY = SHARDS.map((shard): AuditEnd => ({ shard, place: 0, hash: new Uint8Array() }));

/** Of a log that has no head yet. */
const NO_HEAD: WrittenHead = {
  number: 0,
  rows: 0,
  places: SHARDS.map(() => 0),
  ends: digestOf(EMPTY),
  hash: new Uint8Array(),
};

/**
 * What signing came to: the last head; or `refused`, and nothing was signed: the log does not go on from that head, or the
 * last head is under a service key that is not here.
 */
export type Signed = { readonly kind: "signed" | "refused"; readonly head: WrittenHead };

/** Signs a head if something was appended since the last one. Of two who do so at once one writes it. */
export async function signHead(store: Store): Promise<Signed> {
  // Where nothing was appended nobody waits.
  const { kind, last } = await compare(store);
  if (kind === "same") return { kind: "signed", head: last };
  return store.transaction(async (tx) => {
    await holdAuditEnd(tx, "");
    const now = await compare(tx);
    if (now.kind === "refused") return { kind: "refused", head: now.last };
    if (now.kind === "same") return { kind: "signed", head: now.last };
    // Its number is taken after the ends were read, so that it is greater than that of every entry it is about.
    const { last: before, ends, rows } = now;
    const places = ends.map(({ place }) => place).join(" ");
    const detail = { number: before.number + 1, rows, places, ends: digestOf(ends) };
    await appendAudit(tx, { at: systemClock.now(), action: HEAD_ACTION, detail });
    return { kind: "signed", head: (await lastHead(tx)) ?? NO_HEAD };
  });
}

/** What became of the log since its last head. `rows`: how many entries there are now, without the heads. */
async function compare(store: Store) {
  const last = await lastHead(store);
  const ends = await readAuditEnds(store);
  if (last === undefined) return { kind: "refused", last: NO_HEAD, ends, rows: 0 } as const;
  const rows = rowsAt(ends, last);
  const kind = !(await goesOn(store, last, ends))
    ? "refused"
    : rows === last.rows
      ? "same"
      : "grown";
  return { kind, last, ends, rows } as const;
}

/**
 * The last head that a process with the service key wrote; `NO_HEAD` where there is none. Undefined where nobody here can
 * tell: a host that lacks the service key in force would number its heads as if the others were not there.
 */
async function lastHead(store: Store): Promise<WrittenHead | undefined> {
  let before = Number.MAX_SAFE_INTEGER;
  for (;;) {
    const of = { shard: LAST_SHARD, action: HEAD_ACTION };
    const row = await lastInShard(store, of, before);
    if (row === undefined) return NO_HEAD;
    if (await isGenuine(store, row)) return headIn(row);
    if (row.serviceKey !== "" && store.auditMac?.check(macText(row), row) === "unknown") {
      return undefined;
    }
    before = row.place;
  }
}

/** A head that was checked, and what the shards hold at its places. */
export type CheckedHead = { readonly head: WrittenHead; readonly ends: readonly AuditEnd[] };

/** What the first head follows. */
export const BEFORE_HEADS: CheckedHead = { head: NO_HEAD, ends: EMPTY };

/** Checks that a head follows another one, and that the entries that it is about are there. Undefined where it does not. */
export async function checkHead(
  store: Store,
  last: CheckedHead,
  row: AuditRow,
): Promise<CheckedHead | undefined> {
  const head = headIn(row);
  const changed = SHARDS.filter((shard) => head.places[shard] !== last.head.places[shard]);
  const places = changed.map((shard) => ({ shard, place: head.places[shard] ?? 0 }));
  const found = new Map((await hashesAt(store, places)).map((end) => [end.shard, end]));
  const ends = last.ends.map((end) => (changed.includes(end.shard) ? found.get(end.shard) : end));
  const isThere = ends.every((end) => end !== undefined);
  if (!isThere || head.number !== last.head.number + 1) return undefined;
  const isGrown = ends.every(({ shard, place }) => place >= (last.head.places[shard] ?? 0));
  if (!isGrown || head.rows !== rowsAt(ends, last.head)) return undefined;
  return digestOf(ends) === head.ends ? { head, ends } : undefined;
}

/** What the entry of a head says. */
function headIn({ detail, hash }: Pick<AuditRow, "detail" | "hash">): WrittenHead {
  const { places, ...said } = JSON.parse(detail) as Omit<AuditHead, "places"> & { places: string };
  return { ...said, places: places.split(" ").map(Number), hash };
}

/** How many entries there are in front of these ends, without the heads up to the last one. */
function rowsAt(
  ends: readonly Pick<AuditEnd, "place">[],
  { number }: Pick<AuditHead, "number">,
): number {
  return ends.reduce((sum, { place }) => sum + place, 0) - number;
}

/** Whether the entries that a head is about are still there, and no shard has become shorter. */
async function goesOn(
  store: Store,
  { places, ends }: AuditHead,
  now: readonly AuditEnd[],
): Promise<boolean> {
  const then = now.map(({ shard }) => ({ shard, place: places[shard] ?? 0 }));
  if (now.some(({ shard, place }) => place < (places[shard] ?? 0))) return false;
  const further = then.filter(({ shard, place }) => place > 0 && place !== now[shard]?.place);
  const found = new Map((await hashesAt(store, further)).map(({ shard, hash }) => [shard, hash]));
  const none = new Uint8Array();
  const hashOfThen = ({ shard, place }: Pick<AuditEnd, "shard" | "place">): Uint8Array =>
    place === now[shard]?.place ? now[shard].hash : (found.get(shard) ?? none);
  return digestOf(then.map((one) => ({ ...one, hash: hashOfThen(one) }))) === ends;
}

/** One hash over the ends of all shards, in their order. */
function digestOf(ends: readonly AuditEnd[]): string {
  const hash = createHash("sha256");
  for (const end of ends) {
    hash.update(`${end.shard}:${end.place}:${end.hash.length}:`).update(end.hash);
  }
  return hash.digest("hex");
}
