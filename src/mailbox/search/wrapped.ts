/** What the index keeps, under the key of the mailbox. Each row is bound to its place. */
import type { TermRow, WrappedTerms } from "../../store/mailbox/search-terms.ts";
import type { Store } from "../../store/store.ts";
import type { AccountId } from "../../words/account.ts";
import type { MailboxKeys } from "../embedded/mailbox-keys.ts";
import { headFrom, type SegmentHead } from "./segment.ts";
import { termOctets, termsFrom, type TermText } from "./terms.ts";

/** A mailbox that is open. */
export type OpenMailbox = {
  readonly store: Store;
  readonly account: AccountId;
  readonly keys: MailboxKeys;
};

/** The terms of a message, to be stored. */
export function wrapTerms(keys: MailboxKeys, number: number, terms: TermText): WrappedTerms {
  return keys.wrap(placeOfTerms(number), termOctets(terms));
}

/** Undefined when they are not as they were written, or under a key that is not open. */
export function openTerms(
  keys: MailboxKeys,
  row: Pick<TermRow, "number" | "key" | "octets">,
): TermText | undefined {
  const octets = openTermOctets(keys, row);
  return octets && termsFrom(octets);
}

/** The same as octets, for a thread that reads them. */
export function openTermOctets(
  keys: MailboxKeys,
  row: Pick<TermRow, "number" | "key" | "octets">,
): Uint8Array | undefined {
  return keys.open(placeOfTerms(row.number), row);
}

function placeOfTerms(number: number) {
  return { kind: "terms", id: String(number) } as const;
}

export function placeOfHead(segment: string) {
  return { kind: "segment", id: segment } as const;
}

export function placeOfBlock(segment: string, number: number) {
  return { kind: "block", id: `${segment}.${String(number)}` } as const;
}

/** Undefined when it is not as it was written. */
export function openHead(
  keys: MailboxKeys,
  o: { readonly id: string; readonly key: string; readonly head: Uint8Array },
): SegmentHead | undefined {
  const octets = keys.open(placeOfHead(o.id), { key: o.key, octets: o.head });
  return octets && headFrom(octets);
}
