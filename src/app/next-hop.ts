/**
 * Whether the next hops answer: asked every minute, by whoever asks `/readyz`, and told by mail that could not be handed on.
 * What changed is said once.
 */
import { errorText } from "../base/errors.ts";
import { MINUTE, SECOND } from "../base/time.ts";
import type { Task } from "../jobs/tasks.ts";
import { type HopPlace, placeText } from "../smtp/relay/hop.ts";
import { probeHop } from "../smtp/relay/probe-hop.ts";
import type { Events } from "./events.ts";
import { hopsOf, type Relaying } from "./hops.ts";

const PROBE_MS = 5 * SECOND;
/** How long an answer is good, so that whoever asks often asks the hop seldom. */
const FRESH_MS = 10 * SECOND;

/** `why` is undefined while the hop answers. */
export type HopState = { readonly hop: string; readonly why: string | undefined };

type Deps = {
  readonly relay: () => Relaying;
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
  failed(hop: HopPlace, error: unknown): void {
    this.#set(placeText(hop), errorText(error));
    // The next look asks the hop itself.
    this.#lookedMs = Number.NEGATIVE_INFINITY;
  }

  async #probeAll(): Promise<readonly HopState[]> {
    const all = hopsOf(this.#deps.relay());
    const places = new Map(all.map((hop) => [placeText(hop), hop]));
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
