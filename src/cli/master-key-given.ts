import type { Vault } from "../app/open-vault.ts";
import type { AppError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { hasKeysHere, openByPassword } from "../vault/key-access.ts";
import { openWithService, type MasterKey } from "../vault/master-key.ts";
import type { Account } from "../words/account.ts";
import type { Call } from "./command.ts";
import { refused } from "./refusals.ts";
import { passwordIfGiven } from "./secret-input.ts";

/** The master key that a password opens. @throws AppError when it opens none. */
export async function masterKeyBy(
  vault: Vault,
  account: Pick<Account, "id" | "address">,
  password: Secret,
): Promise<MasterKey> {
  const access = await openByPassword(vault, account.id, password);
  if (access.kind === "opened") return access.masterKey;
  throw refused(access, account.address);
}

/** The master key, by the password if there is one, else if the provider may use it. */
export async function masterKeyIfOpen(
  vault: Vault,
  account: Pick<Account, "id" | "address">,
  password: Secret | undefined,
): Promise<MasterKey | undefined> {
  return password === undefined
    ? openWithService(vault, account.id)
    : masterKeyBy(vault, account, password);
}

/** As `masterKeyIfOpen`, by the password on stdin if it was given. */
export async function masterKeyFor(
  vault: Vault,
  account: Pick<Account, "id" | "address">,
  call: Call,
): Promise<MasterKey | undefined> {
  using password = await passwordIfGiven(call);
  return await masterKeyIfOpen(vault, account, password);
}

/** Why the keys of an account do not open without a password. */
export async function closedKeys(
  { store }: Pick<Vault, "store">,
  { id, address, custody }: Pick<Account, "id" | "address" | "custody">,
): Promise<AppError> {
  if (await hasKeysHere(store, id)) return refused({ kind: "password-needed" }, address);
  const kind = custody === "user-device-only" ? "key-on-device" : "no-key-yet";
  return refused({ kind }, address);
}
