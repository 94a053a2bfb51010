/** Who is looked at first when many log in: whoever logged in from there before, then strangers, then who was wrong. */
import { setTimeout as sleep } from "node:timers/promises";

import { ExpiringMap } from "../base/expiring-map.ts";
import { Gate } from "../base/gate.ts";
import { DAY, MINUTE, after, type Clock } from "../base/time.ts";
import { accountText, type Attempt } from "./attempts.ts";

/** How long it is remembered that an account logged in from a network. */
const SEEN_MS = 30 * DAY;
/** How long it is remembered that a network was wrong about a password. */
const WRONG_MS = 15 * MINUTE;
/** Maximum number of accounts with a network that are remembered as seen, and of networks that were wrong. */
const MAX_REMEMBERED = 100_000;
/** Maximum number of logins of each kind that wait. */
const MAX_WAITING = 200;

/**
 * One Argon2id takes 64 MiB and a good part of a second of a processor. All places together are as many as the threads of
 * libuv, which seal and open mail too. Each kind has its own, so that no number of strangers keeps a known user waiting.
 */
const PLACES = { seen: 2, new: 1, wrong: 1 } as const;

/** How many repeated logins are looked at in the cache at once: they make no Argon2id. */
const REPEATED_PLACES = 4;

/** How much longer than its work a place of networks that were wrong stays taken: they get a quarter of a processor. */
const REST = 3;

type Kind = keyof typeof PLACES;

/** Waits for so many milliseconds. */
type Rest = (ms: number) => Promise<void>;

/**
 * Logins wait here for their turn, in three queues. The first is of accounts that logged in from the same network within
 * 30 days. The second is of networks without a wrong password in the last 15 minutes, the third of all others. In a queue
 * networks take turns, so that one that guesses keeps nobody else waiting. In the third queue a place rests after its
 * work. Two logins of one account from one network follow each other, so that each failure counts before the next
 * password is looked at. What was seen is kept in memory: after a restart all are new.
 */
export class LoginTurns {
  readonly #clock: Clock;
  readonly #seen: ExpiringMap<string, true>;
  readonly #wrong: ExpiringMap<string, true>;
  readonly #queues: Readonly<Record<Kind, Queue>>;
  readonly #repeated = new Queue(REPEATED_PLACES);

  constructor(clock: Clock, rest: Rest = async (ms) => sleep(ms, undefined, { ref: false })) {
    this.#clock = clock;
    this.#seen = new ExpiringMap(MAX_REMEMBERED, clock.now);
    this.#wrong = new ExpiringMap(MAX_REMEMBERED, clock.now);
    this.#queues = {
      seen: new Queue(PLACES.seen),
      new: new Queue(PLACES.new),
      wrong: new Queue(PLACES.wrong, rest),
    };
  }

  /** Undefined when too many of its kind wait, or when `signal` says that the client has gone. */
  async take<Value>(
    attempt: Attempt,
    signal: AbortSignal | undefined,
    work: () => Promise<Value>,
  ): Promise<Value | undefined> {
    return this.#queues[this.#kindOf(attempt)].take(attempt, signal, work);
  }

  /** As `take`, for what the login cache may answer: no login that takes an Argon2id is waited for. */
  async takeRepeated<Value>(
    attempt: Attempt,
    signal: AbortSignal | undefined,
    work: () => Promise<Value>,
  ): Promise<Value | undefined> {
    return this.#repeated.take(attempt, signal, work);
  }

  /** Whether the account logged in from this network before. */
  hasSeen(attempt: Attempt): boolean {
    return this.#seen.get(accountText(attempt)) !== undefined;
  }

  /** The password was right. */
  succeeded(attempt: Attempt): void {
    this.#seen.set(accountText(attempt), true, after(this.#clock.now(), SEEN_MS));
  }

  /** The password was wrong. */
  failed(attempt: Attempt): void {
    this.#wrong.set(attempt.network, true, after(this.#clock.now(), WRONG_MS));
  }

  #kindOf(attempt: Attempt): Kind {
    if (this.hasSeen(attempt)) return "seen";
    return this.#wrong.get(attempt.network) === undefined ? "new" : "wrong";
  }
}

class Queue {
  readonly #accounts = new Gate({
    inAll: Number.POSITIVE_INFINITY,
    forKey: 1,
    waiting: MAX_WAITING,
  });
  readonly #networks: Gate;
  readonly #rest: Rest | undefined;

  constructor(places: number, rest?: Rest) {
    this.#networks = new Gate({ inAll: places, forKey: places, waiting: MAX_WAITING });
    this.#rest = rest;
  }

  async take<Value>(
    attempt: Attempt,
    signal: AbortSignal | undefined,
    work: () => Promise<Value>,
  ): Promise<Value | undefined> {
    // In this order: who waits for another login of the account takes no place of the network's.
    return this.#accounts.pass(accountText(attempt), signal, async () =>
      this.#inPlace(attempt.network, signal, work),
    );
  }

  /** The answer is there before the place is free again. */
  async #inPlace<Value>(
    network: string,
    signal: AbortSignal | undefined,
    work: () => Promise<Value>,
  ): Promise<Value | undefined> {
    const rest = this.#rest;
    if (rest === undefined) return this.#networks.pass(network, signal, work);
    const answer = Promise.withResolvers<Value | undefined>();
    const passing = this.#networks.pass(network, signal, async () => {
      const begun = performance.now();
      const looking = work();
      answer.resolve(looking);
      await looking.catch(() => undefined);
      await rest(REST * (performance.now() - begun));
    });
    // Whoever was turned away did no work.
    void passing.then(() => {
      answer.resolve(undefined);
    });
    return answer.promise;
  }
}
