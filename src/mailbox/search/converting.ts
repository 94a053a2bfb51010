/**
 * Takes the index of a mailbox under the key pair that is in force. Nothing is indexed anew: rows of terms and blocks of segments
 * stay what they are, under another key.
 */
import { randomUUID } from "node:crypto";

import {
  dropSegment,
  insertSegment,
  listSegments,
  readBlocks,
  readSegmentHead,
  type SegmentRow,
} from "../../store/mailbox/search-segments.ts";
import {
  forgetTerms,
  listTermPlaces,
  rewrapTerms,
  selectTermsUnderOthers,
  type TermPlace,
  type WrappedTerms,
} from "../../store/mailbox/search-terms.ts";
import { headOctets } from "./segment.ts";
import {
  openHead,
  openTerms,
  placeOfBlock,
  placeOfHead,
  wrapTerms,
  type OpenMailbox,
} from "./wrapped.ts";

/** Maximum number of rows of terms of one transaction. */
const MAX_TERMS = 100;

/** Converts what the keys open to the key pair `key`; what is not as it was written is dropped, to be made again. */
export async function convertIndex(
  mailbox: OpenMailbox,
  key: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  await convertTerms(mailbox, key, signal);
  for (const segment of await listSegments(mailbox.store, mailbox.account)) {
    if (signal?.aborted === true) return;
    if (segment.key !== key && mailbox.keys.has(segment.key))
      await convertSegment(mailbox, segment);
  }
}

async function convertTerms(
  { store, account, keys }: OpenMailbox,
  key: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  let after = 0;
  while (signal?.aborted !== true) {
    const rows = await selectTermsUnderOthers(store, account, { key, after, limit: MAX_TERMS });
    const last = rows.at(-1);
    if (last === undefined) return;
    after = last.number;
    const rewrapped: { readonly row: TermPlace; readonly terms: WrappedTerms }[] = [];
    const damaged: TermPlace[] = [];
    for (const row of rows.filter((one) => keys.has(one.key))) {
      const terms = openTerms(keys, row);
      if (terms === undefined) damaged.push(row);
      else rewrapped.push({ row, terms: wrapTerms(keys, row.number, terms) });
    }
    if (damaged.length > 0) await forgetTerms(store, account, damaged);
    await rewrapTerms(store, account, rewrapped);
  }
}

/** Another segment with the same blocks. A search that meets it finds the same; what damaged or empty ones had is made again. */
async function convertSegment(mailbox: OpenMailbox, segment: SegmentRow): Promise<void> {
  const { store, account, keys } = mailbox;
  const opened = await openSegment(mailbox, segment);
  const members = await listTermPlaces(store, account, segment.id);
  if (opened === undefined || members.length === 0) {
    await dropSegment(store, account, segment.id);
    return;
  }
  const id = randomUUID();
  const { key, octets } = keys.wrap(placeOfHead(id), opened.head);
  const blocks = opened.blocks.map((block, at) => keys.wrap(placeOfBlock(id, at), block).octets);
  const replaced = [segment.id];
  await insertSegment(store, account, { id, key, head: octets, blocks, members, replaced });
}

async function openSegment(
  { store, keys }: OpenMailbox,
  { id, key }: SegmentRow,
): Promise<{ readonly head: Uint8Array; readonly blocks: readonly Uint8Array[] } | undefined> {
  const octets = await readSegmentHead(store, id);
  const head = octets && openHead(keys, { id, key, head: octets });
  if (head === undefined) return undefined;
  const blocks: Uint8Array[] = [];
  for (let number = 0; number < head.firsts.length; number += 1) {
    const wrapped = (await readBlocks(store, id, [number])).get(number);
    const block = wrapped && keys.open(placeOfBlock(id, number), { key, octets: wrapped });
    if (block === undefined) return undefined;
    blocks.push(block);
  }
  return { head: headOctets(head), blocks };
}
