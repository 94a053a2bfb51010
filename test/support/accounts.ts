/** Accounts without keys, for tests of what is kept under their names. */
import type { Secret } from "../../src/base/secret.ts";
import { fromUnixMs } from "../../src/base/time.ts";
import { generationNow } from "../../src/keys/binding.ts";
import { raiseGeneration } from "../../src/keys/generation.ts";
import { makeLogin, newSalt } from "../../src/keys/login-verifier.ts";
import { TypedPassword } from "../../src/keys/typed-password.ts";
import type { VaultDeps } from "../../src/keys/vault.ts";
import type { EmailAddress } from "../../src/mail/address.ts";
import { insertAccount } from "../../src/store/accounts.ts";
import type { Store } from "../../src/store/store.ts";

/** What happens when a password is set where Sealpost keeps logins, and no slot with it. */
export async function setLoginOnly(
  deps: Pick<VaultDeps, "store" | "clock" | "serviceKeys">,
  owner: EmailAddress,
  password: Secret,
): Promise<void> {
  const from = await generationNow(deps.store, owner);
  using typed = new TypedPassword(password);
  const of = { owner, generation: from + 1 };
  const login = await makeLogin(deps.serviceKeys, of, typed, newSalt());
  const change = { at: deps.clock.now(), action: "password.elsewhere", login, from };
  await deps.store.transaction(async (tx) => raiseGeneration(deps, tx, { owner, ...change }));
}

/** Adds accounts with these addresses, where there are none yet; nobody logs in to them. */
export async function haveAccounts(
  store: Store,
  ...addresses: readonly EmailAddress[]
): Promise<void> {
  const rest = { policy: undefined, createdAt: fromUnixMs(0), mailboxKey: "same" } as const;
  for (const address of addresses) {
    await insertAccount(store, { address, custody: "user-device-only", ...rest });
  }
}
