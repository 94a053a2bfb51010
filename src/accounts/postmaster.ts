import { type Domain, type EmailAddress, withoutSubaddress } from "../mail/address.ts";
import type { Store } from "../store/store.ts";
import type { Account, AccountId } from "../words/account.ts";
import { findReader } from "./accounts.ts";

/** What an installation serves. */
export type Served = {
  readonly domains: readonly Domain[];
  readonly hostname: Domain;
  /** Who reads postmaster's mail where no account has that name. */
  readonly postmaster?: EmailAddress | undefined;
};

/** In any case of letters, and at the host too: whoever runs the mail must be found (RFC 5321 §4.5.1, §2.3.5). */
function isPostmaster({ domains, hostname }: Served, address: EmailAddress): boolean {
  const isHere = domains.includes(address.domain) || address.domain === hostname;
  return isHere && address.local.toLowerCase() === "postmaster";
}

/** Whether mail for an address is ours to take or to refuse. */
export function isServed(served: Served, address: EmailAddress): boolean {
  return served.domains.includes(address.domain) || isPostmaster(served, address);
}

/** The account that reads what is sent to an address: its own, through a subaddress, or as postmaster. */
export async function readerOf(
  store: Store,
  served: Served,
  address: EmailAddress,
): Promise<Account | undefined> {
  const account =
    (await findReader(store, address)) ?? (await findReader(store, withoutSubaddress(address)));
  if (account !== undefined || served.postmaster === undefined) return account;
  return isPostmaster(served, address) ? findReader(store, served.postmaster) : undefined;
}

/** Whether an account reads the mail of one of these postmaster addresses. */
export async function isPostmastersMail(
  store: Store,
  served: Served,
  account: AccountId,
  addresses: readonly EmailAddress[],
): Promise<boolean> {
  const asked = addresses.find((address) => isPostmaster(served, address));
  const reader = asked && (await readerOf(store, served, asked));
  return reader?.id === account;
}
