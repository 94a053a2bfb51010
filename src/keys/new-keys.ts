/** New keys in place of keys that somebody else could open, or of a key on a device: which way is taken, and who may. */
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import type { Store } from "../store/store.ts";
import { escrowMessages } from "../vault/escrow.ts";
import { hasKeysHere, openByPassword, type KeyAccess } from "../vault/key-access.ts";
import { verifyPassword } from "../vault/login-verifier.ts";
import type { RecoveryCode } from "../vault/recovery-code.ts";
import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";
import { lastingCustody, type Account, type AccountId } from "../words/account.ts";
import { createServerKeys, replaceKeys, type ReplacementWish } from "./custody.ts";
import type { Renewal } from "./renewal.ts";

/** What is wished for an account; `mayEndEscrow`: whether the organisation lets its users end their escrow. */
export type NewKeysWish = Omit<ReplacementWish, "custody"> & {
  readonly account: Account;
  readonly mayEndEscrow: boolean;
};

/** What came of it. */
export type NewKeys =
  | {
      readonly kind: "made";
      /** Undefined where the published key stays on its owner's device. */
      readonly certificate: Certificate | undefined;
      /** Shown once; the caller disposes its secret. */
      readonly recoveryCode: RecoveryCode | undefined;
      /** They are the first ones here, in place of a key on its owner's device. */
      readonly isFirst: boolean;
    }
  /** The organisation does not let its users end their escrow. */
  | { readonly kind: "escrow-is-not-theirs" }
  | { readonly kind: "no-escrow" }
  /** Of an account that has no keys here for a password to open. */
  | { readonly kind: "wrong-password" }
  | Exclude<KeyAccess, { readonly kind: "opened" }>
  | Exclude<Renewal, { readonly kind: "renewed" }>;

/**
 * Makes new keys for an account: what others could open the old ones with opens nothing that is used from now on. An account
 * whose key is only on its owner's device gets its first keys here by custody `unlocks-at-login`.
 */
export async function makeNewKeys(
  deps: VaultDeps,
  rules: KeyRules,
  wish: NewKeysWish,
): Promise<NewKeys> {
  const { account, why, password, withRecoveryCode } = wish;
  if (why === "escrow") {
    if (!wish.mayEndEscrow) return { kind: "escrow-is-not-theirs" };
    if (!(await hasAnyEscrow(deps.store, account.id))) return { kind: "no-escrow" };
  }
  if (why === "custody" && (await hasDeviceOnly(deps.store, account))) {
    if ((await verifyPassword(deps, account.id, password)) === undefined) {
      return { kind: "wrong-password" };
    }
    const made = await createServerKeys(deps, rules, account.id, { password, withRecoveryCode });
    return made.kind === "renewed" ? { ...made, kind: "made", isFirst: true } : made;
  }
  return replaceOpened(deps, rules, wish);
}

async function replaceOpened(
  deps: VaultDeps,
  rules: KeyRules,
  wish: NewKeysWish,
): Promise<NewKeys> {
  const { account, why, password, withRecoveryCode } = wish;
  const access = await openByPassword(deps, account.id, password);
  if (access.kind !== "opened") return access;
  using masterKey = access.masterKey;
  const custody = why === "custody" ? "unlocks-at-login" : lastingCustody(account.custody);
  const wanted = { password, withRecoveryCode, why, custody };
  const made = await replaceKeys(deps, rules, masterKey, wanted);
  return made.kind === "renewed" ? { ...made, kind: "made", isFirst: false } : made;
}

async function hasDeviceOnly(store: Store, { id, custody }: Account): Promise<boolean> {
  return custody === "user-device-only" && !(await hasKeysHere(store, id));
}

/** Of the keys in use, or of some that a reset parked. */
async function hasAnyEscrow(store: Store, owner: AccountId): Promise<boolean> {
  const [current, former] = await Promise.all([
    escrowMessages({ store }, owner, "current"),
    escrowMessages({ store }, owner, "former"),
  ]);
  return current.length + former.length > 0;
}
