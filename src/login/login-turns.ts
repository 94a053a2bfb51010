/** Who is looked at first when many log in: whoever logged in from there before, then strangers, then who was wrong. */
import { ExpiringMap } from "../base/expiring-map.ts";
import { Gate } from "../base/gate.ts";
import { DAY, MINUTE, after, type Clock } from "../base/time.ts";
import { accountKey, networkKey, type Attempt } from "./attempts.ts";

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

type Kind = keyof typeof PLACES;

/**
 * Logins wait here for their turn, in three queues: of accounts that logged in from the same network within 30 days, of
 * networks without a wrong password in the last 15 minutes, and of all others. In a queue networks take turns, so that one
 * that guesses keeps nobody else waiting. Two logins of one account from one network follow each other, so that each
 * failure counts before the next password is looked at. What was seen is kept in memory: after a restart all are new.
 */
export class LoginTurns {
  readonly #clock: Clock;
  readonly #seen: ExpiringMap<string, true>;
  readonly #wrong: ExpiringMap<string, true>;
  readonly #queues: Readonly<Record<Kind, Queue>>;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#seen = new ExpiringMap(MAX_REMEMBERED, clock.now);
    this.#wrong = new ExpiringMap(MAX_REMEMBERED, clock.now);
    const queue = (kind: Kind) => new Queue(PLACES[kind]);
    this.#queues = { seen: queue("seen"), new: queue("new"), wrong: queue("wrong") };
  }

  /** Undefined when too many of its kind wait, or when `signal` says that the client has gone. */
  async take<Value>(
    attempt: Attempt,
    signal: AbortSignal | undefined,
    work: () => Promise<Value>,
  ): Promise<Value | undefined> {
    return this.#queues[this.#kindOf(attempt)].take(attempt, signal, work);
  }

  /** Whether the account logged in from this network before. */
  hasSeen(attempt: Attempt): boolean {
    return this.#seen.get(accountKey(attempt)) !== undefined;
  }

  /** The password was right. */
  succeeded(attempt: Attempt): void {
    this.#seen.set(accountKey(attempt), true, after(this.#clock.now(), SEEN_MS));
  }

  /** The password was wrong. */
  failed(attempt: Attempt): void {
    this.#wrong.set(networkKey(attempt), true, after(this.#clock.now(), WRONG_MS));
  }

  #kindOf(attempt: Attempt): Kind {
    if (this.hasSeen(attempt)) return "seen";
    return this.#wrong.get(networkKey(attempt)) === undefined ? "new" : "wrong";
  }
}

class Queue {
  readonly #accounts = new Gate({
    inAll: Number.POSITIVE_INFINITY,
    forKey: 1,
    waiting: MAX_WAITING,
  });
  readonly #networks: Gate;

  constructor(places: number) {
    this.#networks = new Gate({ inAll: places, forKey: places, waiting: MAX_WAITING });
  }

  async take<Value>(
    attempt: Attempt,
    signal: AbortSignal | undefined,
    work: () => Promise<Value>,
  ): Promise<Value | undefined> {
    // In this order: who waits for another login of the account takes no place of the network's.
    return this.#accounts.pass(accountKey(attempt), signal, async () =>
      this.#networks.pass(attempt.network, signal, work),
    );
  }
}
