import { appendAudit } from "../journal/journal.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import type { Store } from "../store/store.ts";
import type { MasterKey } from "../vault/master-key.ts";
import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";
import type { AccountId } from "../words/account.ts";
import { restoreCustody } from "./custody-of-slots.ts";
import {
  changeKeys,
  isOwn,
  requireCurrent,
  untilNoConflict,
  type AccountRefusal,
  type AddressNotOwn,
} from "./keys.ts";
import { makeKey, savePublishedKey, type NewKey } from "./new-key.ts";
import { endKey, type Ended, type EndReason } from "./revoke-active.ts";
import { refuse } from "./unless-refused.ts";

/** Which key is to be replaced, and what its revocation says. */
export type RotationWish = {
  readonly address: EmailAddress;
  readonly reason: Exclude<EndReason, "compromised" | "withdrawn">;
  readonly text: string;
};

/** What came of replacing a key. */
export type Rotation =
  | { readonly kind: "rotated"; readonly certificate: Certificate }
  | AddressNotOwn
  | AccountRefusal;

/**
 * Replaces the key of an address: the new one is published and the old one revoked in one moment. The old one goes on
 * decrypting, and what it signed stays valid. Where none is active, the address gets one.
 */
export async function rotateKey(
  deps: VaultDeps,
  rules: KeyRules,
  masterKey: MasterKey,
  wish: RotationWish,
): Promise<Rotation> {
  const { address } = wish;
  return untilNoConflict(async () => {
    const key = await makeKey(deps, masterKey, { address, profile: rules.profile });
    return changeKeys<Rotation, AddressNotOwn>(deps.store, masterKey.owner, async (tx) => {
      await requireCurrent(tx, masterKey);
      if (!(await isOwn(tx, masterKey.owner, address))) return refuse({ kind: "address-not-own" });
      await replaceKey(deps, tx, masterKey, { ...wish, owner: masterKey.owner }, key);
      await restoreCustody(tx, masterKey, address);
      return { kind: "rotated", certificate: key.certificate };
    });
  });
}

/** Ends the key of an address and publishes another, in the caller's transaction; says what ended. */
export async function replaceKey(
  deps: VaultDeps,
  tx: Store,
  masterKey: MasterKey | undefined,
  rotation: Omit<RotationWish, "reason"> & {
    readonly reason: EndReason;
    readonly owner: AccountId;
  },
  key: NewKey,
): Promise<Ended | undefined> {
  const { owner } = rotation;
  const ended = await endKey(deps, tx, { ...rotation, masterKey });
  await savePublishedKey(tx, key);
  const { fingerprint } = key.certificate;
  await appendAudit(tx, {
    at: deps.clock.now(),
    action: ended === undefined ? "key.created" : "key.rotated",
    account: owner,
    detail:
      ended === undefined
        ? { fingerprint }
        : { fingerprint, previous: ended.fingerprint, by: ended.by, reason: rotation.reason },
  });
  return ended;
}
