import type { Clock } from "../base/time.ts";
import { withoutSubaddress, type Domain, type EmailAddress } from "../mail/address.ts";
import { findById, findPublished, type PublishedCertificate } from "../store/certificates.ts";
import type { Store } from "../store/store.ts";
import type { Search } from "./query.ts";

/**
 * The certificates that answer a question; for an address at most one, active and not expired. Absent and foreign
 * addresses cost the same queries, so that the time tells nobody whose keys are here.
 */
export async function find(
  deps: { readonly store: Store; readonly domains: readonly Domain[]; readonly clock: Clock },
  search: Search,
): Promise<readonly PublishedCertificate[]> {
  const found = await lookUp(deps.store, search, deps.clock.now());
  // Version 6 makes GnuPG drop the whole answer, and external recipients' keys are nobody's business.
  return found.filter(
    ({ version, address }) => version === 4 && deps.domains.includes(address.domain),
  );
}

async function lookUp(
  store: Store,
  search: Search,
  now: Date,
): Promise<readonly PublishedCertificate[]> {
  switch (search.kind) {
    case "address":
      // Nobody is sealed to an expired key: by its fingerprint it still proves old signatures.
      return (await byAddress(store, search.address)).filter((one) => !isExpired(one, now));
    case "id":
      return findById(store, search.id);
    case "nothing":
      return [];
  }
}

function isExpired({ expiresAt }: PublishedCertificate, now: Date): boolean {
  return expiresAt !== undefined && expiresAt <= now;
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
