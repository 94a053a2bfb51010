/** Alice and Bob, whose keys a vault has. */

import { Secret } from "../../src/base/secret.ts";
import type { EmailAddress } from "../../src/mail/address.ts";
import { type Certificate } from "../../src/openpgp/certificates/certificate.ts";
import { insertAccount } from "../../src/store/accounts/accounts.ts";
import type { Store } from "../../src/store/store.ts";
import { addressOf } from "./address.ts";
import { idOf } from "./accounts.ts";
import { fakeClock } from "./clock.ts";
import { newServiceRoot } from "../../src/vault/service-key.ts";
import { fixedServiceKeys } from "./service-keys.ts";
import type { VaultDeps } from "../../src/vault/vault-deps.ts";
import { createKeys } from "../../src/keys/create.ts";
import type { Custody } from "../../src/words/account.ts";
import { came } from "./outcome.ts";

export const alice = addressOf("alice@alpha.test");

export const bob = addressOf("bob@alpha.test");

export function depsFor(
  store: Store,
): VaultDeps & { readonly clock: ReturnType<typeof fakeClock> } {
  return { store, clock: fakeClock(), serviceKeys: fixedServiceKeys(newServiceRoot()) };
}

export const passwordOf = (address: EmailAddress): Secret =>
  Secret.fromText(`${address.local}'s password`);

export async function addUser(
  deps: VaultDeps,
  address: EmailAddress,
  custody: Custody = "unlocks-at-login",
): Promise<Certificate> {
  const createdAt = deps.clock.now();
  const id = idOf(address);
  const rest = { policy: undefined, createdAt, mailboxKey: "same" } as const;
  await insertAccount(deps.store, { id, address, custody, ...rest });
  const password = passwordOf(address);
  const wanted = { owner: id, address, custody, password, profile: "compat" } as const;
  return (await came(createKeys(deps, wanted), "created")).certificate;
}
