/** Accounts without keys, for tests of what is kept under their names. */
import { fromUnixMs } from "../../src/base/time.ts";
import type { EmailAddress } from "../../src/mail/address.ts";
import { insertAccount } from "../../src/store/accounts.ts";
import type { Store } from "../../src/store/store.ts";

/** Adds accounts with these addresses, where there are none yet; nobody logs in to them. */
export async function haveAccounts(
  store: Store,
  ...addresses: readonly EmailAddress[]
): Promise<void> {
  const login = { salt: new Uint8Array(), hash: new Uint8Array() };
  const rest = { policy: undefined, createdAt: fromUnixMs(0), mailboxKey: "same" } as const;
  for (const address of addresses) {
    await insertAccount(store, { address, custody: "user-device-only", ...rest }, login);
  }
}
