import { addressFilter } from "./public-address.ts";
import type { FetchDeps } from "./request.ts";

/** Where a host may be connected to, or why nowhere. */
export type CheckedAddresses =
  | { readonly kind: "addresses"; readonly addresses: readonly string[] }
  | { readonly kind: "none"; readonly reason: string };

const MAX_ADDRESSES = 4;

/**
 * Resolves a host's name and keeps the addresses that we may connect to, four at most.
 * @throws AppError when `allowNetworks` holds something that is no CIDR range.
 */
export function checkedAddresses(
  deps: Pick<FetchDeps, "resolver" | "allowNetworks">,
): (host: string, signal: AbortSignal) => Promise<CheckedAddresses> {
  const mayConnect = addressFilter(deps.allowNetworks);
  return async (host, signal) => {
    const answer = await deps.resolver.addresses(host, signal);
    if (answer.kind === "indeterminate") return none(`addresses: ${answer.reason}`);
    if (answer.kind === "empty") return none("the host has no address");
    const addresses = answer.records.filter(mayConnect).slice(0, MAX_ADDRESSES);
    return addresses.length === 0
      ? none("the host has no public address")
      : { kind: "addresses", addresses };
  };
}

function none(reason: string): CheckedAddresses {
  return { kind: "none", reason };
}
