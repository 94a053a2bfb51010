import { ExpiringMap } from "../base/expiring-map.ts";
import { Gate } from "../base/gate.ts";
import { networkOf } from "../base/network.ts";
import { type Clock, HOUR, SECOND, after } from "../base/time.ts";
import { Breaker } from "./breaker.ts";
import { networkBudget } from "./budget.ts";
import type { Admit, GetResult } from "./request.ts";

/** Requests at once in all and to one network, and how many wait. */
const PLACES = { inAll: 32, forKey: 8, waiting: 1000 };
const BUDGET = {
  inAll: { perSecond: 50, burst: 200 },
  perNetwork: { perSecond: 10, burst: 50 },
};
/** How long a request without an answer runs until it counts as one that was held up. */
const SLOW_MS = 2 * SECOND;
/** How long a host that answered is asked although its network holds others up. */
const ANSWERED_MS = HOUR;
/** Maximum number of hosts that are remembered as having answered. */
const MAX_HOSTS = 10_000;

/**
 * Admits what incoming mail asks by the network that it goes to (/24 or /48): senders choose the hosts, and may have any
 * number of names in one network. A network has a part of the places, and networks take turns. A network that holds up
 * five requests in a row is closed for a minute. A host that answered within the hour is asked all the same.
 */
export function byTargetNetwork(
  clock: Clock,
  monotonicMs: () => number = () => performance.now(),
): Admit {
  const gate = new Gate(PLACES);
  const breaker = new Breaker(clock);
  const answered = new ExpiringMap<string, true>(MAX_HOSTS, clock.now);
  const mayAsk = networkBudget(clock, BUDGET);
  return async ({ host, address, signal }, send) => {
    const network = networkOf(address);
    const result = await gate.pass(network, signal, async () => {
      // What the requests before this one met counts for it.
      if (breaker.isOpen(network) && answered.get(host) === undefined) {
        return ours("the network of the host keeps requests waiting");
      }
      if (!mayAsk(address)) return ours("too many look-ups");
      const begunMs = monotonicMs();
      const answer = await send();
      if (answer.kind === "response") {
        breaker.record(network, true);
        answered.set(host, true, after(clock.now(), ANSWERED_MS));
      } else if (monotonicMs() - begunMs >= SLOW_MS) {
        // Also when the look-up had no more time: a host may not hide behind the queue before it.
        breaker.record(network, false);
      }
      return answer;
    });
    return result ?? ours("too many look-ups");
  };
}

const ours = (reason: string): GetResult => ({ kind: "failed", reason, isOurs: true });
