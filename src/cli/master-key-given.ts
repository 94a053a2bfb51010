import type { Vault } from "../app/open-vault.ts";
import { AppError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { hasKeysHere, openByPassword } from "../vault/key-access.ts";
import { openWithService, type MasterKey } from "../vault/master-key.ts";
import { missingKeyOfLogin, missingKeysText, PUT_KEY_BACK } from "../vault/missing-service-keys.ts";
import type { Account, AccountId } from "../words/account.ts";
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
  await requireServiceKeyOf(vault, account.id);
  throw refused(access, account.address);
}

/**
 * Before anybody is told that a password is wrong: without the service key of the account's login none is right.
 * @throws AppError when that key is not here.
 */
export async function requireServiceKeyOf(
  { store, serviceKeys }: Pick<Vault, "store" | "serviceKeys">,
  id: AccountId,
): Promise<void> {
  const name = await missingKeyOfLogin(store, serviceKeys, id);
  if (name === undefined) return;
  throw new AppError(
    `no password opens the keys of the account, because ${missingKeysText([name])}; ${PUT_KEY_BACK}`,
    { temporary: false },
  );
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
