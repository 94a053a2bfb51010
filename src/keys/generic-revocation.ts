import { AppError } from "../base/errors.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import { selectGenericRevocation } from "../store/keys/generic-revocations.ts";
import type { Store } from "../store/store.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import { unwrapRevocation } from "../vault/wrapped-rows.ts";
import type { AccountId } from "../words/account.ts";
import { recordRelease } from "./releases.ts";

type Releasing = { readonly store?: Store; readonly isOwnAct?: boolean };

/**
 * Releases the generic revocation of a key, with an audit row: applied and published it ends the key for good. In the
 * caller's transaction, if given its store; `isOwnAct` where users opened their keys themselves.
 * @throws AppError when there is none or its row was altered, and when releases are stopped (`releases.ts`).
 */
export async function releaseGenericRevocation(
  deps: VaultDeps,
  owner: AccountId,
  fingerprint: Fingerprint,
  { store = deps.store, isOwnAct = false }: Releasing = {},
): Promise<Uint8Array> {
  const row = await selectGenericRevocation(store, fingerprint);
  using revocation =
    row !== undefined && row.owner === owner ? unwrapRevocation(deps.serviceKeys, row) : undefined;
  if (revocation === undefined) {
    throw new AppError("there is no generic revocation of this key that can be trusted", {
      temporary: false,
    });
  }
  const release = { account: owner, fingerprint, by: "generic", isOwnAct } as const;
  await store.transaction(async (tx) => recordRelease(deps, tx, release));
  return Uint8Array.from(revocation.reveal());
}
