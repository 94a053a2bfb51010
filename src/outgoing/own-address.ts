import { sameAddress, withoutSubaddress, type EmailAddress } from "../mail/address.ts";

/** Whether an address is one of somebody's own, or a subaddress of one (RFC 5233 §1). */
export function isOwn(own: readonly EmailAddress[], address: EmailAddress): boolean {
  const base = withoutSubaddress(address);
  return own.some((one) => sameAddress(one, address) || sameAddress(one, base));
}

/** True for a subaddress that is nobody's own address so far as `own` tells: whether it is somebody else's, the database knows. */
export function isSubaddressOf(own: readonly EmailAddress[], address: EmailAddress): boolean {
  return isOwn(own, address) && !own.some((one) => sameAddress(one, address));
}
