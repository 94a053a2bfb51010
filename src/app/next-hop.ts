/**
 * Whether the next hops answer: asked every minute, by whoever asks `/readyz`, and told by mail that could not be handed on.
 * What changed is said once.
 */
import { errorText } from "../base/errors.ts";
import { MINUTE, SECOND } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { Hop } from "../smtp/relay/hop.ts";
import { probeHop } from "../smtp/relay/probe-hop.ts";
import type { Events } from "./events.ts";
import type { Task } from "./schedule.ts";

const PROBE_MS = 5 * SECOND;
/** How long an answer is good, so that whoever asks often asks the hop seldom. */
const FRESH_MS = 10 * SECOND;

type Place = Pick<Hop, "host" | "port">;

/** `why` is undefined while the hop answers. */
export type HopState = { readonly hop: string; readonly why: string | undefined };

type Deps = {
  readonly relay: () => Config["relay"];
  readonly events: Pick<Events, "hopChanged">;
  readonly monotonicMs?: () => number;
};

export class NextHops {
  readonly #deps: Deps;
  readonly #down = new Map<string, string>();
  #looking: Promise<readonly HopState[]> | undefined;
  #lookedMs = Number.NEGATIVE_INFINITY;

  constructor(deps: Deps) {
    this.#deps = deps;
  }

  get task(): Task {
    return { name: "look at the next hop", everyMs: MINUTE, run: async () => this.look() };
  }

  /** Each configured hop, asked within the last ten seconds. */
  async look(): Promise<readonly HopState[]> {
    const now = this.#deps.monotonicMs?.() ?? performance.now();
    if (this.#looking === undefined || now - this.#lookedMs > FRESH_MS) {
      this.#lookedMs = now;
      this.#looking = this.#probeAll();
    }
    return this.#looking;
  }

  /** Mail could not be handed to a hop. */
  failed(hop: Place, error: unknown): void {
    this.#set(nameOf(hop), errorText(error));
    // The next look asks the hop itself.
    this.#lookedMs = Number.NEGATIVE_INFINITY;
  }

  async #probeAll(): Promise<readonly HopState[]> {
    const places = hopsOf(this.#deps.relay());
    for (const name of this.#down.keys()) if (!places.has(name)) this.#down.delete(name);
    return Promise.all(
      [...places].map(async ([hop, place]) => {
        const why = await probeHop(place, PROBE_MS);
        this.#set(hop, why);
        return { hop, why };
      }),
    );
  }

  #set(hop: string, why: string | undefined): void {
    const wasDown = this.#down.has(hop);
    if (why === undefined) this.#down.delete(hop);
    else this.#down.set(hop, why);
    if (wasDown !== (why !== undefined)) this.#deps.events.hopChanged(hop, why);
  }
}

/** Each configured next hop once, by its name. */
export function hopsOf(relay: Config["relay"]): ReadonlyMap<string, Place> {
  const all = [relay, ...Object.values(relay.hosts)].map(({ host, port }) => ({ host, port }));
  return new Map(all.map((place) => [nameOf(place), place]));
}

function nameOf({ host, port }: Place): string {
  return `${host}:${String(port)}`;
}
