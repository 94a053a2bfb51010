import { sameAddress, withoutSubaddress, type EmailAddress } from "../mail/address.ts";

/** Whether an address is one of somebody's own, or a subaddress of one (RFC 5233 §1). */
export function isOwn(own: readonly EmailAddress[], address: EmailAddress): boolean {
  return isAmong(own, address) || isAmong(own, withoutSubaddress(address));
}

/**
 * Whether somebody may write from an address: one of their own, or a subaddress of one that belongs to no account by itself,
 * which `isAddress` tells.
 */
export async function mayUse(
  { isAddress }: { readonly isAddress: (address: EmailAddress) => Promise<boolean> },
  own: readonly EmailAddress[],
  address: EmailAddress,
): Promise<boolean> {
  if (isAmong(own, address)) return true;
  return isOwn(own, address) && !(await isAddress(address));
}

function isAmong(own: readonly EmailAddress[], address: EmailAddress): boolean {
  return own.some((one) => sameAddress(one, address));
}
