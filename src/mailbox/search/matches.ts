/** What a search found in the index: which messages matched, and in which segment their terms were then. */
import type { TermPlace } from "../../store/mailbox/search-terms.ts";

/** The name of what is in no segment. */
const LOOSE = "";

/** `unread`: the terms of the message are where the search did not look, or others: it came too early. */
export type Judged = "match" | "other" | "unread";

export class Matches {
  readonly #bySegment = new Map<string, ReadonlySet<number>>();
  readonly #loose = new Set<number>();
  readonly #numbers = new Set<number>();
  /** The terms outside of segments that were read, by number. */
  readonly #read = new Map<number, TermPlace["written"]>();

  add(segment: string, numbers: readonly number[]): void {
    this.#bySegment.set(segment, new Set(numbers));
    for (const number of numbers) this.#numbers.add(number);
  }

  /** All that is in no segment, whether it matches or not. */
  readLoose(places: readonly TermPlace[]): void {
    for (const { number, written } of places) this.#read.set(number, written);
  }

  addLoose({ number, written }: TermPlace): void {
    if (this.#read.get(number) !== written) return;
    this.#loose.add(number);
    this.#numbers.add(number);
  }

  /** Messages that matched somewhere; not all of them do so with what they have now. */
  get numbers(): ReadonlySet<number> {
    return this.#numbers;
  }

  /** Whether a message matches with the terms that it has now. */
  judge(place: TermPlace | undefined): Judged {
    if (place === undefined) return "other";
    const { number, segment, written } = place;
    if (segment === LOOSE) {
      if (this.#read.get(number) !== written) return "unread";
      return this.#loose.has(number) ? "match" : "other";
    }
    const numbers = this.#bySegment.get(segment);
    if (numbers === undefined) return "unread";
    return numbers.has(number) ? "match" : "other";
  }
}
