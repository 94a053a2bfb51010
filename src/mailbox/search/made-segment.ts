/** A segment of opened terms. Sorting the terms of 2000 messages takes a second, so a thread does it. */
import { SegmentBuilder, type Segment } from "./segment.ts";
import { termsFrom } from "./terms.ts";

/** The terms of a message as `termOctets` made them, under its number. */
export type SegmentMember = { readonly number: number; readonly octets: Uint8Array };

/** `taken`: the messages that are in it, by their numbers. `damaged`: those whose terms are not as they were made. */
export type MadeSegment = {
  readonly segment: Segment;
  readonly taken: readonly number[];
  readonly damaged: readonly number[];
};

/** The segment of messages in the order of their numbers, up to the one that fills it. */
export function segmentOf(members: readonly SegmentMember[]): MadeSegment {
  const builder = new SegmentBuilder();
  const taken: number[] = [];
  const damaged: number[] = [];
  for (const { number, octets } of members) {
    if (builder.isFull) break;
    const terms = termsFrom(octets);
    if (terms === undefined) {
      damaged.push(number);
      continue;
    }
    builder.add(number, terms);
    taken.push(number);
  }
  return { segment: builder.built(), taken, damaged };
}
