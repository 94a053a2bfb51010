import {
  addAccount,
  hashPassword,
  NO_LOGIN,
  type Account,
  type NewAccount,
} from "../accounts/embedded.ts";
import { AppError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { appendAudit } from "../journal/audit.ts";
import { prepareKeys, saveKeys, type PreparedKeys } from "../keys/create.ts";
import type { KeyRules, VaultDeps } from "../keys/vault.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import { findAliased } from "../store/aliases.ts";
import type { Store } from "../store/store.ts";
import { isErased } from "../store/tombstones.ts";

/** Who is to have an account, and whether his key is made with it. */
export type Enrolment = NewAccount &
  KeyRules & {
    /** Without one nobody logs in until a password is set; the key is provisional then. */
    readonly password?: Secret | undefined;
    /** `later`: in the background, or at the first login. */
    readonly key?: "now" | "later";
    readonly withRecoveryCode?: boolean;
  };

export type Enrolled = {
  readonly account: Account;
  readonly certificate: PreparedKeys["key"]["certificate"] | undefined;
  /** Shown once: nothing that is kept opens it again. */
  readonly recoveryCode: string | undefined;
};

/**
 * Adds an account together with its key, or neither. With custody `user-device-only` there is no certificate yet.
 * @throws AppError when the address is taken, or was erased less than thirty days ago.
 */
export async function enrol(deps: VaultDeps, wanted: Enrolment): Promise<Enrolled> {
  const { address, policy, password } = wanted;
  const login = password === undefined ? NO_LOGIN : await hashPassword(password);
  using keys = await keysFor(deps, wanted);
  const account = await deps.store.transaction(async (store) => {
    await requireFree(store, address, deps.clock.now());
    const added = await addAccount(
      { store, clock: deps.clock },
      { address, custody: keys.prepared?.custody ?? wanted.custody, policy },
      login,
    );
    const detail = { custody: added.custody };
    const at = added.createdAt;
    await appendAudit(store, { at, action: "account.added", account: address, detail });
    if (keys.prepared !== undefined) await saveKeys(store, keys.prepared);
    return added;
  });
  return {
    account,
    certificate: keys.prepared?.key.certificate,
    recoveryCode: keys.prepared?.recoveryCode?.text,
  };
}

async function requireFree(store: Store, address: EmailAddress, now: Date): Promise<void> {
  if ((await findAliased(store, address)) !== undefined) {
    throw new AppError("this address is an alias of another account", { temporary: false });
  }
  if (await isErased(store, canonicalAddress(address), now)) {
    throw new AppError("this address was erased less than 30 days ago", { temporary: false });
  }
}

/** The prepared keys; disposing wipes the recovery code's secret. */
async function keysFor(
  deps: VaultDeps,
  wanted: Enrolment,
): Promise<Disposable & { readonly prepared: PreparedKeys | undefined }> {
  const isMade = wanted.key !== "later" && wanted.custody !== "user-device-only";
  const { password } = wanted;
  const prepared = isMade ? await prepareKeys(deps, { ...wanted, password }) : undefined;
  return {
    prepared,
    [Symbol.dispose]: () => prepared?.recoveryCode?.secret[Symbol.dispose](),
  };
}
