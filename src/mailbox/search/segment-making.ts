/**
 * Makes segments of the index. New messages wait outside of segments until some hundreds are together. Small segments are
 * put into the next one, and a segment that lost half of its messages is rewritten without them.
 */
import { randomUUID } from "node:crypto";

import {
  dropSegment,
  insertSegment,
  listSegments,
  type SegmentRow,
} from "../../store/mailbox/search-segments.ts";
import {
  countTerms,
  forgetTerms,
  listTermPlaces,
  selectTerms,
  type TermPlace,
} from "../../store/mailbox/search-terms.ts";
import type { EmbeddedDeps } from "../embedded/embedded-deps.ts";
import type { CatchUpWish } from "../mailbox.ts";
import type { SegmentMember } from "./made-segment.ts";
import { headOctets, type Segment } from "./segment.ts";
import { openTermOctets, placeOfBlock, placeOfHead, type OpenMailbox } from "./wrapped.ts";

/** Maximum number of messages of a segment. */
export const MAX_SEGMENT = 2000;
/** A segment that has no more messages goes into the next one. */
const MAX_SMALL = MAX_SEGMENT / 2;
/** How many messages wait outside of segments before there is a new one. */
const MIN_LOOSE = 256;
/** Maximum number of messages whose terms are read at a time. */
const MAX_READ = 100;
/** How many octets of terms are read for a segment, before those of its last messages. */
const MAX_OCTETS = 8 * 1024 * 1024;

type Deps = Pick<EmbeddedDeps, "segmentOf">;

/** Makes all segments that are due. It ends early when `signal` says so, or when another process does the same. */
export async function makeSegments(
  deps: Deps,
  mailbox: OpenMailbox,
  { signal, beforePage }: Pick<CatchUpWish, "signal" | "beforePage">,
): Promise<void> {
  while (signal?.aborted !== true) {
    await beforePage?.();
    const due = await nextDue(mailbox);
    if (due === undefined || !(await makeSegment(deps, mailbox, due, signal))) return;
  }
}

/** Of what a segment is to be made. */
type Due = { readonly replaced: readonly string[]; readonly members: readonly TermPlace[] };

type Filled = { readonly id: string; readonly messages: number; readonly isWorn: boolean };

async function nextDue(mailbox: OpenMailbox): Promise<Due | undefined> {
  const { store, account, keys } = mailbox;
  const segments = await filledSegments(mailbox);
  const loose = (await listTermPlaces(store, account, "")).filter(({ key }) => keys.has(key));
  const isDue = loose.length >= MIN_LOOSE;
  const taken: Filled[] = [];
  let room = MAX_SEGMENT - (isDue ? Math.min(loose.length, MAX_SEGMENT) : 0);
  for (const segment of segments) {
    if (segment.messages > room || !(segment.isWorn || isDue)) continue;
    room -= segment.messages;
    taken.push(segment);
  }
  if (!isDue && taken.length === 0) return undefined;
  const replaced = taken.map(({ id }) => id);
  const members = isDue ? loose.slice(0, MAX_SEGMENT) : [];
  for (const id of replaced) members.push(...(await listTermPlaces(store, account, id)));
  return { replaced, members: members.toSorted((a, b) => a.number - b.number) };
}

/** The segments that may be replaced, worn ones first, then the smallest. Empty ones are deleted. */
async function filledSegments(mailbox: OpenMailbox): Promise<readonly Filled[]> {
  const { store, account, keys } = mailbox;
  const counts = await countTerms(store, account);
  const filled: Filled[] = [];
  const isFilled = async ({ id, key, messages: made }: SegmentRow): Promise<void> => {
    const messages = counts.get(id) ?? 0;
    const isWorn = messages * 2 <= made;
    if (messages === 0) await dropSegment(store, account, id);
    else if (keys.has(key) && (isWorn || messages <= MAX_SMALL)) {
      filled.push({ id, messages, isWorn });
    }
  };
  const rows = await listSegments(store, account);
  for (const row of rows) await isFilled(row);
  const known = new Set(["", ...rows.map(({ id }) => id)]);
  // Terms of a segment that is missing would never be searched.
  for (const id of counts.keys()) if (!known.has(id)) await dropSegment(store, account, id);
  return filled.toSorted((a, b) => Number(b.isWorn) - Number(a.isWorn) || a.messages - b.messages);
}

/** False when it was not made. */
async function makeSegment(
  deps: Deps,
  mailbox: OpenMailbox,
  due: Due,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const { store, account } = mailbox;
  const { members, damaged } = await readMembers(mailbox, due);
  if (signal?.aborted === true) return false;
  const made = await deps.segmentOf(members);
  const [taken, wrong] = [new Set(made.taken), new Set(made.damaged)];
  damaged.push(...members.filter(({ number }) => wrong.has(number)));
  if (damaged.length > 0) await forgetTerms(store, account, damaged);
  const added = members.filter(({ number }) => taken.has(number));
  if (added.length === 0) return false;
  const isLoose = ({ segment }: TermPlace): boolean => segment === "";
  const loose = due.members.filter(isLoose);
  if (loose.length > 0 && !added.some(isLoose)) {
    // A full segment would be made again as it was, without end: the new messages get one of their own.
    const alone = { replaced: [], members: loose };
    return due.replaced.length > 0 && makeSegment(deps, mailbox, alone, signal);
  }
  return storeSegment(mailbox, made.segment, { replaced: due.replaced, members: added });
}

type ReadMember = TermPlace & SegmentMember;

/** The terms that a segment is made of, and those that are not as they were written. */
async function readMembers(
  { store, account, keys }: OpenMailbox,
  { replaced, members }: Due,
): Promise<{ readonly members: readonly ReadMember[]; readonly damaged: TermPlace[] }> {
  const read: ReadMember[] = [];
  const damaged: TermPlace[] = [];
  // Another process may have put some into a segment that is not to be replaced.
  const sources = new Set(["", ...replaced]);
  let size = 0;
  for (let at = 0; at < members.length && size < MAX_OCTETS; at += MAX_READ) {
    const numbers = members.slice(at, at + MAX_READ).map(({ number }) => number);
    for (const { octets, ...place } of await selectTerms(store, account, numbers)) {
      if (!sources.has(place.segment)) continue;
      const opened = openTermOctets(keys, { ...place, octets });
      if (opened === undefined) {
        if (keys.has(place.key)) damaged.push(place);
        continue;
      }
      read.push({ ...place, octets: opened });
      size += opened.length;
    }
  }
  return { members: read, damaged };
}

async function storeSegment(
  { store, account, keys }: OpenMailbox,
  { head, blocks }: Segment,
  due: Due,
): Promise<boolean> {
  const id = randomUUID();
  const { key, octets } = keys.wrap(placeOfHead(id), headOctets(head));
  const wrapped = blocks.map((block, at) => keys.wrap(placeOfBlock(id, at), block).octets);
  return insertSegment(store, account, { ...due, id, key, head: octets, blocks: wrapped });
}
