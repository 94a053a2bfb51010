/** Which addresses a login may write from, as author and as return path (RFC 6409 §6.1). */
import { sameAddress, withoutSubaddress, type EmailAddress } from "../mail/address.ts";
import type { MessageFacts } from "../mail/mail.ts";

type Deps = {
  /** Whether an address belongs to an account by itself, and not as a subaddress. */
  readonly isAddress: (address: EmailAddress) => Promise<boolean>;
};

/** Whether an address is one of somebody's own, or a subaddress of one (RFC 5233 §1). */
export function isOwn(own: readonly EmailAddress[], address: EmailAddress): boolean {
  return isAmong(own, address) || isAmong(own, withoutSubaddress(address));
}

/** Whether somebody may write what is from this author. */
export async function isOwnAuthor(
  deps: Deps,
  own: readonly EmailAddress[],
  { from }: MessageFacts,
): Promise<boolean> {
  const [author] = from ?? [];
  return author !== undefined && (await mayUse(deps, own, author.address));
}

/** Whether bounces may go there. The empty return path is everybody's: it asks for no bounce. */
export async function isOwnReturnPath(
  deps: Deps,
  own: readonly EmailAddress[],
  path: EmailAddress | undefined,
): Promise<boolean> {
  return path === undefined || mayUse(deps, own, path);
}

/** Own is an own address, and a subaddress of one that belongs to no account by itself. */
async function mayUse(
  { isAddress }: Deps,
  own: readonly EmailAddress[],
  address: EmailAddress,
): Promise<boolean> {
  if (isAmong(own, address)) return true;
  return isOwn(own, address) && !(await isAddress(address));
}

function isAmong(own: readonly EmailAddress[], address: EmailAddress): boolean {
  return own.some((one) => sameAddress(one, address));
}
