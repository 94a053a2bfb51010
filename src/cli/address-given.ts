import { type Account, findAccount } from "../accounts/embedded.ts";
import type { Parts } from "../app/parts.ts";
import { type EmailAddress, formatAddress, parseAddress } from "../mail/address.ts";
import { type Call, notFound, UsageError } from "./command.ts";

/** The address that is the first operand. @throws UsageError when it is none. */
export function addressGiven(call: Call): EmailAddress {
  const [text = ""] = call.operands;
  const address = parseAddress(text);
  if (address === undefined)
    throw new UsageError(`${JSON.stringify(text)} is not an email address`);
  return address;
}

/** The account of an address. @throws AppError when there is none. */
export async function accountOf(
  { store }: Pick<Parts, "store">,
  address: EmailAddress,
): Promise<Account> {
  const account = await findAccount(store, address);
  if (account === undefined) throw notFound(`${formatAddress(address)} has no account here`);
  return account;
}
