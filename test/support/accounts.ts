/** Accounts without keys, for tests of what is kept under their names. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";

import type { Secret } from "../../src/base/secret.ts";
import { fromUnixMs } from "../../src/base/time.ts";
import { generationNow } from "../../src/vault/binding.ts";
import { raiseGeneration } from "../../src/vault/generation.ts";
import { makeLogin, newSalt } from "../../src/vault/login-verifier.ts";
import { TypedPassword } from "../../src/vault/typed-password.ts";
import { enrol as enrolAccount, type Enrolled, type Enrolment } from "../../src/login/enrol.ts";
import type { VaultDeps } from "../../src/vault/vault.ts";
import { canonicalAddress, type EmailAddress } from "../../src/mail/address.ts";
import type { AccountId } from "../../src/words/account.ts";
import { findAccount, insertAccount } from "../../src/store/accounts/accounts.ts";
import { findOwner } from "../../src/store/accounts/addresses.ts";
import type { Store } from "../../src/store/store.ts";

/** The ID that a test gives the account of an address, so that it needs no look-up. */
export function idOf(address: EmailAddress): AccountId {
  const hash = createHash("sha256")
    .update(`id of ${canonicalAddress(address)}`)
    .digest("hex");
  return hash.slice(0, 32) as AccountId;
}

/** The ID of the account that uses an address, whoever made it. */
export async function idAt(store: Store, address: EmailAddress): Promise<AccountId> {
  return (await findOwner(store, address)) ?? assert.fail("nobody uses this address");
}

/** Adds an account as `enrol` does, with the ID of `idOf`. */
export async function enrol(deps: VaultDeps, wanted: Omit<Enrolment, "id">): Promise<Enrolled> {
  return enrolAccount(deps, { ...wanted, id: idOf(wanted.address) });
}

/** What happens when a password is set where Sealpost keeps logins, and no slot with it. */
export async function setLoginOnly(
  deps: Pick<VaultDeps, "store" | "clock" | "serviceKeys">,
  owner: AccountId,
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
    if ((await findAccount(store, address)) !== undefined) continue;
    await insertAccount(store, {
      id: idOf(address),
      address,
      custody: "user-device-only",
      ...rest,
    });
  }
}
