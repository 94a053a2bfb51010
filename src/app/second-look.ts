/**
 * When the keyserver of an author that could not be asked is asked again: after 1, 5, 15, 30 and 60 minutes, then hourly.
 * The state is in memory: whatever waits is looked at once when a process starts, and that begins it again.
 */
import { HOUR } from "../base/time.ts";
import { retryDelayMs } from "../jobs/retry-delay.ts";
import { canonicalAddress, type CanonicalAddress, type EmailAddress } from "../mail/address.ts";
import type { AccountId } from "../words/account.ts";

/** Maximum number of authors that are remembered; the others wait for the hourly round. */
const MAX_AUTHORS = 10_000;

type Turn = {
  readonly account: AccountId;
  readonly author: CanonicalAddress;
  readonly failures: number;
  readonly dueMs: number;
  /** It was given out, and nothing was said of it since. */
  readonly isTaken: boolean;
};

/** The authors to be asked about now, for each account with mail of theirs. */
type DueAuthors = ReadonlyMap<AccountId, ReadonlySet<CanonicalAddress>>;

export class SecondLooks {
  readonly #turns = new Map<string, Turn>();
  readonly #monotonicMs: () => number;

  /** `monotonicMs`: a clock that nobody sets. */
  constructor(monotonicMs: () => number = () => performance.now()) {
    this.#monotonicMs = monotonicMs;
  }

  /** An author of mail that waits could not be asked; `isArrival`: about mail that has just come, which begins again. */
  failed(account: AccountId, author: EmailAddress, isArrival: boolean): void {
    const now = this.#monotonicMs();
    const names = namesOf(account, author);
    const before = this.#turns.get(names.key);
    if (before === undefined && this.#turns.size >= MAX_AUTHORS) return;
    const isOpen = before !== undefined && !before.isTaken;
    // Several messages of one author fail together: that counts once.
    if (isOpen && !isArrival) return;
    const failures = isArrival ? 0 : (before?.failures ?? -1) + 1;
    const nextMs = now + retryDelayMs(failures);
    const dueMs = isOpen ? Math.min(before.dueMs, nextMs) : nextMs;
    this.#turns.set(names.key, { ...names, failures, dueMs, isTaken: false });
  }

  /** The author could be asked. */
  answered(account: AccountId, author: EmailAddress): void {
    this.#turns.delete(namesOf(account, author).key);
  }

  /** Each is given once for each failure; whoever is given and of whom nothing is said for an hour is forgotten. */
  takeDue(): DueAuthors {
    const now = this.#monotonicMs();
    const due = new Map<AccountId, Set<CanonicalAddress>>();
    for (const [key, turn] of this.#turns) {
      if (turn.dueMs > now) continue;
      if (turn.isTaken) {
        this.#turns.delete(key);
        continue;
      }
      const authors = due.get(turn.account) ?? new Set();
      due.set(turn.account, authors.add(turn.author));
      this.#turns.set(key, { ...turn, dueMs: now + HOUR, isTaken: true });
    }
    return due;
  }
}

function namesOf(account: AccountId, author: EmailAddress) {
  const names = { account, author: canonicalAddress(author) };
  return { ...names, key: `${names.account}\0${names.author}` };
}
