/**
 * Fetching: HTTPS to hosts that strangers name.
 *
 * Whoever publishes a DNS record chooses which host we connect to. Left alone, that is a way into our own network (SSRF):
 * a record may name 127.0.0.1, a cloud's metadata service or a neighbour's port. So the port must be one of a short list,
 * and every address of the host is checked before the connection (`public-address.ts`). The connection goes to exactly
 * the address that was checked. There are no redirects. TLS must be valid for the name that was asked. Connect,
 * handshake, first octet and whole answer each have a time limit, and the body has a size limit.
 *
 * `guarded.ts` adds what protects the other side and us over many requests: budgets a host, and a breaker that leaves a host
 * alone after failures.
 */
import { SECOND } from "../base/time.ts";
import { checkedAddresses } from "./checked-addresses.ts";
import { requestPinned } from "./https-request.ts";
import { mayUsePort } from "./ports.ts";
import type { Admit, FetchDeps, FetchLimits, GetRequest, GetResult, Get } from "./request.ts";

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
    const admit: Admit =
      (isForIncoming ? deps.admit : undefined) ?? (async (_target, send) => send());
    let last: GetResult | undefined;
    for (const address of checked.addresses) {
      const result = await admit({ host: request.host, address, signal }, async () =>
        followed({ ...request, address, ca: deps.ca, limits, signal }),
      );
      // An answer is an answer; what failed may do better elsewhere, while there is time.
      if (result.kind === "response") return result;
      // A failure says more about the host than what we did not send.
      if (last === undefined || result.isOurs !== true) last = result;
      if (signal.aborted) break;
    }
    return last ?? failed("not asked");
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
