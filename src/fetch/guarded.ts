import type { Clock } from "../base/time.ts";
import { Breaker } from "./breaker.ts";
import { networkBudget } from "./budget.ts";
import type { FetchDeps, Get, GetResult } from "./request.ts";
import { httpsGet } from "./fetch.ts";
import { Gate } from "./gate.ts";

const PARALLEL = { inAll: 16, forKey: 4, waiting: 1000 };
/** Incoming mail gets half of it, so that it cannot keep users from sending. */
const PARALLEL_INCOMING = { inAll: 8, forKey: 4, waiting: 1000 };
const INCOMING_BUDGET = {
  inAll: { perSecond: 50, burst: 200 },
  perNetwork: { perSecond: 10, burst: 50 },
};
const TOO_MANY_REQUESTS = 429;
const FIRST_SERVER_ERROR = 500;
/** What a keyserver says to a version of HKP that it does not speak: an answer, no trouble. */
const NOT_IMPLEMENTED = 501;

/**
 * `get` for a process: at most 16 requests at once and 4 to one host, none to a host that keeps failing, and a budget for
 * what incoming mail triggers (`budget.ts`). @throws AppError as `httpsGet` does.
 */
export function guardedGet(deps: FetchDeps & { readonly clock: Clock }): Get {
  const get = httpsGet({ mayAsk: networkBudget(deps.clock, INCOMING_BUDGET), ...deps });
  const gate = new Gate(PARALLEL);
  const incomingGate = new Gate(PARALLEL_INCOMING);
  const breaker = new Breaker(deps.clock);
  return async (request) => {
    const host = `${request.host}:${request.port}`;
    if (breaker.isOpen(host)) return { kind: "failed", reason: "the host keeps failing" };
    const ask = async () => {
      const result = await get(request);
      // What was broken off, or not sent, says nothing about the host.
      const isOurs = result.kind === "failed" && result.isOurs === true;
      if (!isOurs && request.signal?.aborted !== true) breaker.record(host, isHealthy(result));
      return result;
    };
    const asked = () => gate.pass(host, request.signal, ask);
    const result =
      request.isForIncoming === true
        ? await incomingGate.pass(host, request.signal, asked)
        : await asked();
    return result ?? { kind: "failed", reason: "too many look-ups", isOurs: true };
  };
}

function isHealthy(result: GetResult): boolean {
  if (result.kind === "failed" || result.status === TOO_MANY_REQUESTS) return false;
  return result.status < FIRST_SERVER_ERROR || result.status === NOT_IMPLEMENTED;
}
