/**
 * The index of an open mailbox. In memory are the heads of its segments, and nothing else; a search opens the few blocks
 * that it needs. Other processes may write meanwhile: a search that they overtook begins again.
 */
import {
  dropSegment,
  listSegments,
  readBlocks,
  readSegmentHead,
  type SegmentRow,
} from "../../store/mailbox/search-segments.ts";
import {
  forgetTerms,
  listTermPlaces,
  selectTerms,
  type TermPlace,
} from "../../store/mailbox/search-terms.ts";
import { Matches } from "./matches.ts";
import type { Clause } from "./query.ts";
import { blockFrom, blocksFor, markMatches, type OpenBlock, type SegmentHead } from "./segment.ts";
import { hasAnyTerm } from "./terms.ts";
import { openHead, openTerms, placeOfBlock, type OpenMailbox } from "./wrapped.ts";

/** Maximum number of messages outside of segments whose terms are in memory at the same time. */
const MAX_LOOSE = 100;

/** A segment, and its head. */
type Known = SegmentRow & { readonly head: SegmentHead };

export class SearchIndex {
  readonly #mailbox: OpenMailbox;
  /** By the IDs of their segments, which never change. */
  #heads = new Map<string, SegmentHead>();

  constructor(mailbox: OpenMailbox) {
    this.#mailbox = mailbox;
  }

  /** The messages that match each clause; undefined when the index changed meanwhile. */
  async matching(clauses: readonly Clause[]): Promise<Matches | undefined> {
    const segments = await this.#segments();
    const matches = new Matches();
    await this.#searchLoose(clauses, matches);
    // A message that went from one of the two to the other in between would be in neither.
    if (segments === undefined || !isSame(segments, await this.#listed())) return undefined;
    for (const segment of segments) {
      const numbers = await this.#searchSegment(segment, clauses);
      if (numbers === undefined) return undefined;
      matches.add(segment.id, numbers);
    }
    return matches;
  }

  /** The segments under keys that are open. */
  async #listed(): Promise<readonly SegmentRow[]> {
    const { store, account, keys } = this.#mailbox;
    return (await listSegments(store, account)).filter(({ key }) => keys.has(key));
  }

  /** The same segments with their heads; undefined when one of them was dropped. */
  async #segments(): Promise<readonly Known[] | undefined> {
    const known: Known[] = [];
    for (const row of await this.#listed()) {
      const head = this.#heads.get(row.id) ?? (await this.#readHead(row));
      if (head === undefined) return undefined;
      known.push({ ...row, head });
    }
    this.#heads = new Map(known.map(({ id, head }) => [id, head]));
    return known;
  }

  async #readHead({ id, key }: SegmentRow): Promise<SegmentHead | undefined> {
    const head = await readSegmentHead(this.#mailbox.store, id);
    if (head === undefined) return undefined;
    const opened = openHead(this.#mailbox.keys, { id, key, head });
    if (opened === undefined) await this.#drop(id);
    return opened;
  }

  /** A segment that is not as it was written is of no use: its messages are put into another one. */
  async #drop(id: string): Promise<void> {
    await dropSegment(this.#mailbox.store, this.#mailbox.account, id);
  }

  /** The numbers of the messages of a segment that match; undefined when it is gone. */
  async #searchSegment(
    segment: Known,
    clauses: readonly Clause[],
  ): Promise<readonly number[] | undefined> {
    const { numbers } = segment.head;
    const blocks = await this.#blocks(segment, clauses);
    if (blocks === undefined) return undefined;
    const missed = new Uint8Array(numbers.length);
    for (const clause of clauses) {
      const found = new Uint8Array(numbers.length);
      for (const prefix of clause) {
        for (const block of blocksFor(segment.head, prefix)) {
          const opened = blocks.get(block);
          if (opened !== undefined) markMatches(opened, prefix, found);
        }
      }
      for (let place = 0; place < missed.length; place += 1) {
        if (found[place] === 0) missed[place] = 1;
      }
    }
    return numbers.filter((_, place) => missed[place] === 0);
  }

  /** The blocks that clauses need; undefined when the segment is gone. */
  async #blocks(
    { id, key, head }: Known,
    clauses: readonly Clause[],
  ): Promise<ReadonlyMap<number, OpenBlock> | undefined> {
    const needed = new Set(clauses.flat().flatMap((prefix) => blocksFor(head, prefix)));
    const read = await readBlocks(this.#mailbox.store, id, [...needed]);
    const opened = new Map<number, OpenBlock>();
    for (const number of needed) {
      const octets = read.get(number);
      const place = placeOfBlock(id, number);
      const block = octets && this.#mailbox.keys.open(place, { key, octets });
      if (block === undefined) {
        // Also of a segment that another one replaced meanwhile: then there is nothing to drop.
        await this.#drop(id);
        return undefined;
      }
      opened.set(number, blockFrom(block));
    }
    return opened;
  }

  /** Messages that are in no segment, one by one. */
  async #searchLoose(clauses: readonly Clause[], matches: Matches): Promise<void> {
    const { store, account, keys } = this.#mailbox;
    const all = await listTermPlaces(store, account, "");
    matches.readLoose(all);
    const places = all.filter(({ key }) => keys.has(key));
    const damaged: TermPlace[] = [];
    for (let at = 0; at < places.length; at += MAX_LOOSE) {
      const numbers = places.slice(at, at + MAX_LOOSE).map(({ number }) => number);
      for (const row of await selectTerms(store, account, numbers)) {
        const terms = openTerms(keys, row);
        if (terms === undefined) damaged.push(row);
        else if (clauses.every((clause) => hasAnyTerm(terms, clause))) {
          matches.addLoose(row);
        }
      }
    }
    if (damaged.length > 0) await forgetTerms(store, account, damaged);
  }
}

function isSame(a: readonly SegmentRow[], b: readonly SegmentRow[]): boolean {
  return a.length === b.length && a.every(({ id }, at) => id === b[at]?.id);
}
