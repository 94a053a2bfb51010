/** A look-up over HTTPS: what it needs, and what comes of it. */
import type { Resolver } from "../dns/dns.ts";

export type FetchDeps = {
  readonly resolver: Resolver;
  /** The certification authorities to trust, PEM; without it Node's own list. */
  readonly ca?: string;
  /** CIDR ranges that may be connected to although they are not public. For the lab and for private networks. */
  readonly allowNetworks: readonly string[];
  /** Ports beside 443 that the operator allows for every look-up. */
  readonly ports: readonly number[];
  /** Sends each request of look-ups that incoming mail triggers, once its address is known; default: at once. */
  readonly admit?: Admit;
  readonly limits?: Partial<FetchLimits>;
};

export type FetchLimits = {
  readonly connectMs: number;
  readonly tlsMs: number;
  readonly firstByteMs: number;
  readonly bodyMs: number;
  readonly totalMs: number;
  readonly bodyBytes: number;
  readonly headerBytes: number;
};

/**
 * Sends a request when it may go to its address, and gives what came of it; or says why it was not sent. `signal` ends the
 * wait.
 */
export type Admit = (
  target: { readonly host: string; readonly address: string; readonly signal: AbortSignal },
  send: () => Promise<GetResult>,
) => Promise<GetResult>;

export type GetRequest = {
  readonly host: string;
  readonly port: number;
  /** Path and query. */
  readonly path: string;
  readonly accept: string;
  /** The ETag of an answer that is known already: the server may say that it still holds (RFC 9110 §13.1.2). */
  readonly ifNoneMatch?: string;
  /** Names that the server's certificate may show instead of `host`. */
  readonly alsoNamed?: readonly string[];
  /**
   * Set for look-ups that incoming mail triggers: they keep to port 443, the listed ones, and their budget.
   * Others may use any port from 1024 that is no other protocol's.
   */
  readonly isForIncoming?: boolean;
  readonly signal?: AbortSignal;
};

/** `failed` covers everything that is not a whole HTTP answer from that host; the reason is for logs. */
export type GetResult =
  | {
      readonly kind: "response";
      readonly status: number;
      /** By lower-case name; repeated fields are joined by ", ". */
      readonly headers: ReadonlyMap<string, string>;
      readonly body: Uint8Array;
    }
  | {
      readonly kind: "failed";
      readonly reason: string;
      /** We did not want to ask: that says nothing about the host. */
      readonly isOurs?: true;
    };

export type Get = (request: GetRequest) => Promise<GetResult>;
