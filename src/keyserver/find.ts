import { canonicalAddress, withoutSubaddress, type Domain } from "../mail/address.ts";
import type { PublishedView, Viewed, ViewedCertificate } from "../store/keys/published-view.ts";
import type { Search } from "./question.ts";

export type FindDeps = {
  readonly view: PublishedView;
  readonly domains: ReadonlySet<Domain>;
};

/**
 * The certificates that answer a question; by address at most one, active and not expired. Absent and foreign addresses
 * cost the same queries, so that the time tells nobody whose keys are here. At once where the database answers at once.
 */
export function find(deps: FindDeps, search: Search, now: Date): Viewed {
  return then(lookUp(deps.view, search, now), (rows) =>
    // External recipients' keys are nobody's business.
    rows.length === 0 ? rows : rows.filter(({ domain }) => deps.domains.has(domain)),
  );
}

function lookUp(view: PublishedView, search: Search, now: Date): Viewed {
  // Nobody is sealed to an expired key: by its fingerprint it still proves old signatures.
  const usable = (rows: readonly ViewedCertificate[]): readonly ViewedCertificate[] =>
    rows.filter((row) => row.expiresAt === undefined || row.expiresAt > now);
  switch (search.kind) {
    case "address":
      return then(byAddress(view, search), usable);
    case "directory":
      return then(view.byDirectoryName(search.name), usable);
    case "id":
      return view.byId(search.id);
    case "nothing":
      return [];
  }
}

/** An exact alias first, then the address without its `+detail`. */
function byAddress(view: PublishedView, search: Extract<Search, { kind: "address" }>): Viewed {
  const { address, mayHaveDetail } = search;
  const exact = view.byAddress(canonicalAddress(address));
  const base = withoutSubaddress(address);
  if (!mayHaveDetail || base.local === address.local) return exact;
  return then(exact, (rows) => (rows.length > 0 ? rows : view.byAddress(canonicalAddress(base))));
}

function then(rows: Viewed, step: (rows: readonly ViewedCertificate[]) => Viewed): Viewed {
  return rows instanceof Promise ? rows.then(step) : step(rows);
}
