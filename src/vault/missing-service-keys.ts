/**
 * Service keys that the database was written under and that are not here, as after the restore of a backup that is older
 * than a rotation. What is under them looks as if somebody had changed the rows; it opens once they are back.
 */
import { readAccount } from "../store/accounts/accounts.ts";
import { listServiceKeyNames } from "../store/keys/service-key-names.ts";
import type { Store } from "../store/store.ts";
import type { AccountId } from "../words/account.ts";
import type { ServiceKeys } from "./service-key.ts";

/** The names of the service keys that rows name and that are not here. */
export async function missingServiceKeys(
  store: Store,
  serviceKeys: ServiceKeys,
): Promise<readonly string[]> {
  const names = await listServiceKeyNames(store);
  return names.filter((name) => serviceKeys.named(name) === undefined);
}

/** The name of the service key that an account's login is under, where that key is not here: no password is right then. */
export async function missingKeyOfLogin(
  store: Store,
  serviceKeys: ServiceKeys,
  owner: AccountId,
): Promise<string | undefined> {
  const name = (await readAccount(store, owner))?.login.serviceKey ?? "";
  return name === "" || serviceKeys.named(name) !== undefined ? undefined : name;
}

/** Which keys are not here, for whoever runs the installation. */
export function missingKeysText(names: readonly string[]): string {
  return names.length === 1
    ? `the service key ${names.join()} is not here`
    : `the service keys ${names.join(", ")} are not here`;
}

/** What to do about it, before anything else. */
export const PUT_KEY_BACK =
  "put it back from its own backup, as secrets.service_key_file or in the .former file beside that (docs/operate/backup.md, docs/operate/keys.md); reset no account before";
