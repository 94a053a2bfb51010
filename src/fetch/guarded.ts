import { ExpiringMap } from "../base/expiring-map.ts";
import { Gate } from "../base/gate.ts";
import { type Clock, HOUR, SECOND, after, parseDate } from "../base/time.ts";
import { Breaker } from "./breaker.ts";
import { httpsGet } from "./fetch.ts";
import type { FetchDeps, Get, GetResult } from "./request.ts";
import { byTargetNetwork } from "./target-networks.ts";

/** Requests at once in all and to one host, and how many wait. */
const OUTGOING = { inAll: 16, forKey: 4, waiting: 1000 };
/**
 * What incoming mail asks goes to hosts that its senders choose: two of a host, so that a slow one holds up no other. How
 * many there are in all is decided once their networks are known (`target-networks.ts`).
 */
const INCOMING = { inAll: Number.POSITIVE_INFINITY, forKey: 2, waiting: 1000 };
const TOO_MANY_REQUESTS = 429;
const FIRST_SERVER_ERROR = 500;
/** What a keyserver says to a version of HKP that it does not speak: an answer, no trouble. */
const NOT_IMPLEMENTED = 501;
/** Maximum time that a host may ask us to wait. */
const LONGEST_WAIT_MS = HOUR;
const MAX_HOSTS = 10_000;

/**
 * `get` for a process. Requests for users and those that incoming mail causes have lanes of their own: neither fills the
 * other's, nor keeps it from a host. In a lane nothing is sent to a host that keeps failing, nor to one that asked for a
 * pause. Incoming mail has places and a budget by target network besides. @throws AppError as `httpsGet` does.
 */
export function guardedGet(deps: FetchDeps & { readonly clock: Clock }): Get {
  return inLanes(httpsGet({ admit: byTargetNetwork(deps.clock), ...deps }), deps.clock);
}

/** The lanes alone, over any `get`. */
export function inLanes(get: Get, clock: Clock): Get {
  const outgoing = laneOf(get, clock, OUTGOING);
  const incoming = laneOf(get, clock, INCOMING);
  return async (request) =>
    request.isForIncoming === true ? incoming(request) : outgoing(request);
}

function laneOf(get: Get, clock: Clock, limits: ConstructorParameters<typeof Gate>[0]): Get {
  const gate = new Gate(limits);
  const breaker = new Breaker(clock);
  const pauses = new ExpiringMap<string, true>(MAX_HOSTS, clock.now);
  return async (request) => {
    const host = `${request.host}:${request.port}`;
    const result = await gate.pass(host, request.signal, async () => {
      // What the requests before this one met counts for it.
      if (pauses.get(host) === true) return ours("the host asked for a pause");
      if (breaker.isOpen(host)) return failed("the host keeps failing");
      const answer = await get(request);
      const pauseMs = pauseIn(answer, clock.now());
      if (pauseMs > 0) pauses.set(host, true, after(clock.now(), pauseMs));
      const health = request.signal?.aborted === true ? "unknown" : healthOf(answer);
      if (health !== "unknown") breaker.record(host, health === "good");
      return answer;
    });
    return result ?? ours("too many look-ups");
  };
}

const failed = (reason: string): GetResult => ({ kind: "failed", reason });
const ours = (reason: string): GetResult => ({ kind: "failed", reason, isOurs: true });

/** What an answer says about its host. What was not sent, and 429, which is about us, say nothing. */
function healthOf(result: GetResult): "good" | "bad" | "unknown" {
  if (result.kind === "failed") return result.isOurs === true ? "unknown" : "bad";
  if (result.status === TOO_MANY_REQUESTS) return "unknown";
  return result.status < FIRST_SERVER_ERROR || result.status === NOT_IMPLEMENTED ? "good" : "bad";
}

/** How long a host that answers 429 wants to be left alone (RFC 6585 §4, RFC 9110 §10.2.3), in milliseconds. */
function pauseIn(result: GetResult, now: Date): number {
  if (result.kind === "failed" || result.status !== TOO_MANY_REQUESTS) return 0;
  const text = result.headers.get("retry-after")?.trim() ?? "";
  const until = parseDate(text) ?? now;
  const waitMs = /^\d{1,9}$/.test(text) ? Number(text) * SECOND : until.getTime() - now.getTime();
  return Math.max(0, Math.min(waitMs, LONGEST_WAIT_MS));
}
