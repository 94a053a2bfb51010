import { sameAddress, type EmailAddress } from "../mail/address.ts";
import { primaryAddress } from "../store/accounts/addresses.ts";
import { readAccount, updateAccount } from "../store/accounts/accounts.ts";
import type { Store } from "../store/store.ts";
import { selectSlots } from "../store/keys/vault.ts";
import type { MasterKey } from "../vault/master-key.ts";

/** Whether the service key opens a master key now. */
export async function opensWithService(
  store: Store,
  { id }: Pick<MasterKey, "id">,
): Promise<boolean> {
  const slots = await selectSlots(store, id);
  return slots.some(({ kind }) => kind === "service" || kind === "provisional");
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
  const isService = await opensWithService(tx, masterKey);
  await updateAccount(tx, owner, { custody: isService ? "provider-usable" : "unlocks-at-login" });
}
