/**
 * Sessions that wait for the next message to the same hop, so that a message costs no connection and no TLS handshake of its
 * own. A session is kept only after the hop has answered the end of a message's data, and only for a few seconds: a hop that
 * wants its connections back need not wait long.
 */
import { MINUTE, SECOND } from "../../base/time.ts";
import { type Hop, nameOf } from "./hop.ts";
import type { Session } from "./session.ts";

/** How long a session waits for another message. */
const IDLE_MS = 5 * SECOND;
/** How long a session is used, so that a hop behind a name that moves is found anew. */
const MAX_AGE_MS = 5 * MINUTE;
/** Maximum number of messages in a session. */
const MAX_TRANSACTIONS = 100;
/** Maximum number of sessions that wait for a hop. */
const MAX_IDLE = 10;

type Kept = { readonly session: Session; readonly timer: NodeJS.Timeout };

/** Disposing ends what waits, and keeps nothing from then on. */
export class IdleSessions implements Disposable {
  readonly #idleMs: number;
  readonly #kept = new Map<string, Kept[]>();
  #isOver = false;

  /** `idleMs`: how long a session waits, in milliseconds; 0 keeps none. */
  constructor(idleMs = IDLE_MS) {
    this.#idleMs = idleMs;
  }

  /** A session with this very hop, the one that was used last; `signal` ends what is done in it. */
  take(hop: Hop, signal?: AbortSignal): Session | undefined {
    const all = this.#kept.get(nameOf(hop)) ?? [];
    for (let last = all.pop(); last !== undefined; last = all.pop()) {
      clearTimeout(last.timer);
      if (all.length === 0) this.#kept.delete(nameOf(hop));
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
  keep(hop: Hop, session: Session): boolean {
    const { client, transactions, openedMs } = session;
    const name = nameOf(hop);
    const all = this.#kept.get(name) ?? [];
    const isWorn =
      transactions + 1 >= MAX_TRANSACTIONS || performance.now() - openedMs > MAX_AGE_MS;
    const isFull = this.#isOver || this.#idleMs === 0 || all.length >= MAX_IDLE;
    if (isWorn || isFull || !client.isQuiet) return false;
    client.follow(undefined);
    const timer = setTimeout(() => {
      this.#end(name, timer);
    }, this.#idleMs).unref();
    all.push({ session: { ...session, transactions: transactions + 1 }, timer });
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
