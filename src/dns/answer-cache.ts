import { ExpiringMap } from "../base/expiring-map.ts";
import { type Clock, HOUR, MINUTE, SECOND, after } from "../base/time.ts";
import type { DnsAnswer, Resolver, SrvRecord } from "./dns.ts";

/** How long SRV answers are remembered at most; their own TTL may shorten it. */
const MAX_SECURE_MS = HOUR;
const MAX_NEGATIVE_MS = 15 * MINUTE;
const INDETERMINATE_MS = 30 * SECOND;
const MAX_NAMES = 10_000;

/** Remembers SRV answers in memory. Addresses are left to the resolver, which has a cache of its own. */
export function cachingResolver(resolver: Resolver, clock: Clock): Resolver {
  const known = new ExpiringMap<string, DnsAnswer<SrvRecord>>(MAX_NAMES, clock.now);
  return {
    addresses: resolver.addresses,
    srv: async (name, signal) => {
      const remembered = known.get(name);
      if (remembered !== undefined) return remembered;
      const answer = await resolver.srv(name, signal);
      // What the caller broke off says nothing about the name.
      if (answer.kind === "indeterminate" && signal?.aborted === true) return answer;
      known.set(name, answer, after(clock.now(), lifeMs(answer)));
      return answer;
    },
  };
}

function lifeMs(answer: DnsAnswer<SrvRecord>): number {
  if (answer.kind === "indeterminate") return INDETERMINATE_MS;
  const isSecure = answer.kind === "answer" && answer.dnssec === "secure";
  return Math.min(answer.ttlSeconds * SECOND, isSecure ? MAX_SECURE_MS : MAX_NEGATIVE_MS);
}
