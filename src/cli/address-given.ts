import { accountUsing, findAccount } from "../accounts/accounts.ts";
import type { Vault } from "../app/open-vault.ts";
import { type Domain, type EmailAddress, parseAddress } from "../mail/address.ts";
import type { Account } from "../words/account.ts";
import { type Call, UsageError } from "./command.ts";
import { readingsOf } from "./pasted.ts";
import { refused } from "./refusals.ts";

/** The address that is the first operand. @throws UsageError when it is none. */
export function addressGiven(call: Call): EmailAddress {
  return addressIn(call.operands[0] ?? "");
}

/** The address in an operand, also with what surrounded it where it was printed: `<ada@alpha.test>`. @throws UsageError */
export function addressIn(text: string): EmailAddress {
  const [address] = readingsOf(text).flatMap((reading) => parseAddress(reading) ?? []);
  if (address !== undefined) return address;
  throw new UsageError(
    `${JSON.stringify(text)} is not an email address, such as ada@alpha.example`,
  );
}

/** The account of an address. @throws AppError when there is none. */
export async function accountOf(
  { store }: Pick<Vault, "store">,
  address: EmailAddress,
): Promise<Account> {
  const account = await findAccount(store, address);
  if (account !== undefined) return account;
  const owner = await accountUsing(store, address);
  throw refused(
    owner === undefined
      ? { kind: "no-account" }
      : { kind: "address-is-alias", account: owner.address },
    address,
  );
}

/** @throws UsageError for a domain that is not served here. */
export function requireOurs({ config }: Pick<Vault, "config">, domain: Domain): void {
  if (config.domains.includes(domain)) return;
  throw new UsageError(`${domain} is not in "domains" of ${config.file}; add it there first`);
}
