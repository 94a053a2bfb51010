/**
 * DNS, and what DNSSEC proves of it.
 *
 * A name server's answer can be forged by anyone on the path. DNSSEC signs answers, and a validating resolver checks the
 * chain of signatures from the root. Sealpost does not validate by itself: it asks a validating resolver over a path that
 * nobody else can use (`stub.ts`), and reads the AD bit of the answer (RFC 4035 §3.2.3). A resolver that stops
 * validating would set no AD bit, or a wrong one: `self-test.ts` asks it again and again for names that are broken on purpose.
 *
 * An answer is secure, insecure (its zone is not signed) or indeterminate. Indeterminate is everything that is no proven
 * answer: SERVFAIL for bogus data, a time-out, an interfering middlebox. Indeterminate never means "there is no record":
 * whoever can suppress an answer could otherwise switch encryption off.
 *
 * `service-class.ts` reads an SRV answer as "this domain publishes keys" or not. `srv.ts` orders its hosts (RFC 2782).
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
