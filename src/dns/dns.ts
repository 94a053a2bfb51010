/**
 * DNS answers that say whether DNSSEC proved them. The proof is made by a validating resolver that we reach over a
 * trusted path (`stub.ts`); `self-test.ts` keeps checking that it does validate. `service-class.ts` reads an SRV answer
 * as "does this domain publish keys", `srv.ts` says in which order its hosts are asked.
 */

/** Whether the resolver proved the whole answer (AD=1), or the zone, or a part of the chain, is not signed. */
export type DnssecState = "secure" | "insecure";

/** One SRV record (RFC 2782). `target` is lower case without the final dot, and `.` for "no such service". */
export type SrvRecord = {
  readonly priority: number;
  readonly weight: number;
  readonly port: number;
  readonly target: string;
};

/**
 * What asking came to. `empty` is NXDOMAIN or a name without such records; `indeterminate` is everything that is no
 * answer: bogus, broken, refused, too late, interfered with, or from a resolver that failed its self-test. It must never
 * be read as "no record". `ede` holds the extended error codes (RFC 8914) that came along.
 */
export type DnsAnswer<T> =
  | {
      readonly kind: "answer";
      readonly records: readonly T[];
      readonly dnssec: DnssecState;
      readonly ttlSeconds: number;
      readonly ede: readonly number[];
    }
  | {
      readonly kind: "empty";
      readonly dnssec: DnssecState;
      readonly ttlSeconds: number;
      readonly ede: readonly number[];
    }
  | { readonly kind: "indeterminate"; readonly reason: string; readonly ede: readonly number[] };

/** Asks the DNS. Never rejects: when `signal` ends it, the answer is indeterminate. */
export type Resolver = {
  readonly srv: (name: string, signal?: AbortSignal) => Promise<DnsAnswer<SrvRecord>>;
  /** IPv4 and IPv6 addresses of a name, as text. */
  readonly addresses: (name: string, signal?: AbortSignal) => Promise<DnsAnswer<string>>;
};
