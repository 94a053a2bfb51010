import { withoutSubaddress, type Domain, type EmailAddress } from "../mail/address.ts";
import { findById, findPublished, type PublishedCertificate } from "../store/certificates.ts";
import type { Store } from "../store/store.ts";
import type { Search } from "./query.ts";

/**
 * The certificates that answer a question; for an address at most one, its active one. Absent and foreign addresses
 * cost the same queries, so that the time tells nobody whose keys are here.
 */
export async function find(
  deps: { readonly store: Store; readonly domains: readonly Domain[] },
  search: Search,
): Promise<readonly PublishedCertificate[]> {
  const found = await lookUp(deps.store, search);
  // Version 6 makes GnuPG drop the whole answer, and external recipients' keys are nobody's business.
  return found.filter(
    ({ version, address }) => version === 4 && deps.domains.includes(address.domain),
  );
}

async function lookUp(store: Store, search: Search): Promise<readonly PublishedCertificate[]> {
  switch (search.kind) {
    case "address":
      return byAddress(store, search.address);
    case "id":
      return findById(store, search.id);
    case "nothing":
      return [];
  }
}

/** An exact alias first, then the address without its `+detail`. */
async function byAddress(
  store: Store,
  address: EmailAddress,
): Promise<readonly PublishedCertificate[]> {
  const base = withoutSubaddress(address);
  const exact = await findPublished(store, address);
  if (exact !== undefined || base.local === address.local)
    return exact === undefined ? [] : [exact];
  const found = await findPublished(store, base);
  return found === undefined ? [] : [found];
}
