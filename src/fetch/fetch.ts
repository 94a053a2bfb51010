/**
 * HTTPS for look-ups at hosts that strangers name: TLS for the name that was asked, the address checked before the
 * connection and connected to as checked, every octet and second bounded.
 */
import type { Resolver } from "../dns/resolver.ts";
import { SECOND } from "../base/time.ts";
import { checkedAddresses } from "./checked-addresses.ts";
import { requestPinned } from "./https-request.ts";
import { mayUsePort } from "./ports.ts";

export type FetchDeps = {
  readonly resolver: Resolver;
  /** The certification authorities to trust, PEM; without it Node's own list. */
  readonly ca?: string;
  /** CIDR ranges that may be connected to although they are not public. For the lab and for private networks. */
  readonly allowNetworks: readonly string[];
  /** Ports beside 443 that the operator allows for every look-up. */
  readonly ports: readonly number[];
  /** Whether one more request may go to this address now, asked for look-ups that incoming mail triggers. */
  readonly mayAsk?: (address: string) => boolean;
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

export const DEFAULT_LIMITS: FetchLimits = {
  connectMs: 5 * SECOND,
  tlsMs: 5 * SECOND,
  firstByteMs: 5 * SECOND,
  bodyMs: 10 * SECOND,
  totalMs: 15 * SECOND,
  bodyBytes: 256 * 1024,
  headerBytes: 16 * 1024,
};
const MAX_REDIRECTS = 2;
const REDIRECTS = new Set([301, 302, 307, 308]);

/**
 * Makes `get` for these dependencies. It never rejects, and `failed` says nothing about whether there is a key.
 * @throws AppError when `allowNetworks` holds something that is no CIDR range.
 */
export function httpsGet(deps: FetchDeps): Get {
  const addressesOf = checkedAddresses(deps);
  const limits = { ...DEFAULT_LIMITS, ...deps.limits };
  return async (request) => {
    const isForIncoming = request.isForIncoming === true;
    if (!mayUsePort(request.port, deps.ports, isForIncoming)) {
      return refused(`port ${request.port} is not allowed`);
    }
    const total = AbortSignal.timeout(limits.totalMs);
    const signal = request.signal === undefined ? total : AbortSignal.any([request.signal, total]);
    const checked = await addressesOf(request.host, signal);
    if (checked.kind === "none") return failed(checked.reason);
    let result: GetResult = failed("not asked");
    for (const address of checked.addresses) {
      if (isForIncoming && deps.mayAsk?.(address) === false) return refused("too many look-ups");
      result = await followed({ ...request, address, ca: deps.ca, limits, signal });
      // An answer is an answer; what failed may do better elsewhere, while there is time.
      if (result.kind === "response" || signal.aborted) return result;
    }
    return result;
  };
}

/** One request and the redirects it leads to, all at the same host, port and address. */
async function followed(first: Parameters<typeof requestPinned>[0]): Promise<GetResult> {
  let request = first;
  for (let redirects = 0; ; redirects += 1) {
    const result = await requestPinned(request);
    if (result.kind === "failed" || !REDIRECTS.has(result.status)) return result;
    if (redirects === MAX_REDIRECTS) return failed("too many redirects");
    const path = samePlace(request, result.headers.get("location") ?? "");
    if (path === undefined) return failed("redirected to another place");
    request = { ...request, path };
  }
}

/**
 * The path that a redirect leads to; undefined when it leaves https, the host or the port: the name that DNSSEC secured
 * is the trust anchor, and a redirect must not move it.
 */
function samePlace(request: GetRequest, location: string): string | undefined {
  const here = `https://${request.host}:${request.port}`;
  const base = URL.parse(request.path, here);
  const target = base === null || location === "" ? null : URL.parse(location, base.href);
  if (target === null || base === null || target.origin !== base.origin) return undefined;
  if (target.username !== "" || target.password !== "") return undefined;
  return target.pathname + target.search;
}

function refused(reason: string): GetResult {
  return { kind: "failed", reason, isOurs: true };
}

function failed(reason: string): GetResult {
  return { kind: "failed", reason };
}
