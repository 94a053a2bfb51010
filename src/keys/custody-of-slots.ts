import { sameAddress, type EmailAddress } from "../mail/address.ts";
import { readAccount, updateAccount } from "../store/accounts/accounts.ts";
import { primaryAddress } from "../store/accounts/addresses.ts";
import { selectSlots } from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import type { MasterKey } from "../vault/master-key.ts";
import { OPENS_WITHOUT_USER, type Custody } from "../words/account.ts";

/** Whether the service key opens a master key now. */
export async function opensWithService(
  store: Store,
  masterKey: Pick<MasterKey, "id">,
): Promise<boolean> {
  return OPENS_WITHOUT_USER[await custodyOfSlots(store, masterKey)];
}

async function custodyOfSlots(store: Store, { id }: Pick<MasterKey, "id">): Promise<Custody> {
  const kinds = (await selectSlots(store, id)).map(({ kind }) => kind);
  if (kinds.includes("service")) return "provider-usable";
  return kinds.includes("provisional") ? "provisional" : "unlocks-at-login";
}

/** After a key that is kept here took the place of one on its owner's device: the custody that the slots tell. */
export async function restoreCustody(
  tx: Store,
  masterKey: MasterKey,
  address: EmailAddress,
): Promise<void> {
  const { owner } = masterKey;
  if (!sameAddress(address, await primaryAddress(tx, owner))) return;
  if ((await readAccount(tx, owner))?.account.custody !== "user-device-only") return;
  await updateAccount(tx, owner, { custody: await custodyOfSlots(tx, masterKey) });
}
