/**
 * HTTPS for look-ups at hosts that strangers name: TLS for the name that was asked, the address checked before the
 * connection and connected to as checked, every octet and second bounded (standards.md B4).
 */
import type { Resolver } from "../dns/resolver.ts";

export type FetchDeps = {
  readonly resolver: Resolver;
  /** The certification authorities to trust, PEM; without it Node's own list. */
  readonly ca?: string;
  /** CIDR ranges that may be connected to although they are not public. For the lab and for private networks. */
  readonly allowNetworks: readonly string[];
  /** Ports beside 443 that the operator allows for every look-up. */
  readonly ports: readonly number[];
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

export type GetRequest = {
  readonly host: string;
  readonly port: number;
  /** Path and query. */
  readonly path: string;
  readonly accept: string;
  /** Names that the server's certificate may show instead of `host` (standards.md C8). */
  readonly alsoNamed?: readonly string[];
  /** True: port 443 and the listed ones only; false: also any from 1024 that no other protocol owns (ruling 6). */
  readonly isStrictAboutPorts?: boolean;
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
  | { readonly kind: "failed"; readonly reason: string };

export type Get = (request: GetRequest) => Promise<GetResult>;
