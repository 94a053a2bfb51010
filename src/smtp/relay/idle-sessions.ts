/**
 * Sessions that wait for the next message to the same hop, so that a message costs no connection and no TLS handshake of its
 * own. A session is kept only after the hop has answered the end of a message's data, and only for a few seconds: a hop that
 * wants its connections back need not wait long.
 */
import { MINUTE, SECOND } from "../../base/time.ts";
import { type Hop, nameOf } from "./hop.ts";
import type { Session } from "./session.ts";

/** How long a session waits, and how many messages it takes. */
export type ReuseLimits = {
  /** In milliseconds; 0 keeps none. */
  readonly idleMs: number;
  readonly messages: number;
};

const DEFAULT_LIMITS: ReuseLimits = { idleMs: 5 * SECOND, messages: 100 };
/** How long a session is used, so that a hop behind a name that moves is found anew. */
const MAX_AGE_MS = 5 * MINUTE;
/** Maximum number of sessions that wait for a hop. */
const MAX_IDLE = 10;

type Kept = { readonly session: Session; readonly owner: string; readonly timer: NodeJS.Timeout };

/** Disposing ends what waits, and keeps nothing from then on. */
export class IdleSessions implements Disposable {
  readonly #limits: () => ReuseLimits;
  readonly #kept = new Map<string, Kept[]>();
  #isOver = false;

  /** `limits` are asked each time, for they may change. */
  constructor(limits: () => Partial<ReuseLimits> = () => ({})) {
    this.#limits = () => ({ ...DEFAULT_LIMITS, ...limits() });
  }

  /**
   * A session with this very hop, the one that was used last; `owner` is whose it must be, as the hop was told (`ownerOf`).
   * `signal` ends what is done in it.
   */
  take(hop: Hop, owner: string, signal?: AbortSignal): Session | undefined {
    const all = this.#kept.get(nameOf(hop)) ?? [];
    const mine = (one: Kept): boolean => one.owner === owner;
    for (let at = all.findLastIndex(mine); at >= 0; at = all.findLastIndex(mine)) {
      const [last] = all.splice(at, 1);
      if (all.length === 0) this.#kept.delete(nameOf(hop));
      if (last === undefined) return undefined;
      clearTimeout(last.timer);
      const { session } = last;
      if (session.client.isQuiet) {
        session.client.follow(signal);
        return session;
      }
      session.client[Symbol.dispose]();
    }
    return undefined;
  }

  /** Keeps a session after a transaction; false: it is for the caller to end. */
  keep(hop: Hop, owner: string, session: Session): boolean {
    const { client, transactions, openedMs } = session;
    const { idleMs, messages } = this.#limits();
    const name = nameOf(hop);
    const all = this.#kept.get(name) ?? [];
    const isWorn = transactions + 1 >= messages || performance.now() - openedMs > MAX_AGE_MS;
    const isFull = this.#isOver || idleMs === 0 || all.length >= MAX_IDLE;
    if (isWorn || isFull || !client.isQuiet) return false;
    client.follow(undefined);
    const timer = setTimeout(() => {
      this.#end(name, timer);
    }, idleMs).unref();
    all.push({ session: { ...session, transactions: transactions + 1 }, owner, timer });
    this.#kept.set(name, all);
    return true;
  }

  [Symbol.dispose](): void {
    this.#isOver = true;
    for (const [name, all] of this.#kept) {
      for (const { timer } of all.slice()) this.#end(name, timer);
    }
  }

  #end(name: string, timer: NodeJS.Timeout): void {
    const all = this.#kept.get(name) ?? [];
    const at = all.findIndex((one) => one.timer === timer);
    const [kept] = at < 0 ? [] : all.splice(at, 1);
    if (all.length === 0) this.#kept.delete(name);
    if (kept === undefined) return;
    clearTimeout(timer);
    kept.session.client.quit();
    kept.session.client[Symbol.dispose]();
  }
}
