import { addAccount, NO_LOGIN, type NewAccount } from "../accounts/embedded.ts";
import type { Secret } from "../base/secret.ts";
import { appendAudit } from "../journal/journal.ts";
import { FIRST_GENERATION as generation, generationDetail } from "../vault/binding.ts";
import { prepareKeys, saveKeys, type PreparedKeys } from "../keys/create.ts";
import { takeAddress } from "../keys/claim-address.ts";
import { makeLogin, newSalt } from "../vault/login-verifier.ts";
import { TypedPassword } from "../vault/typed-password.ts";
import type { KeyRules, VaultDeps } from "../vault/vault.ts";
import { newAccountId, type Account, type AccountId } from "../words/account.ts";

/** Who is to have an account, and whether their key is made with it. */
export type Enrolment = Omit<NewAccount, "id"> &
  KeyRules & {
    /** The name of the account in the database; absent, a new random one. */
    readonly id?: AccountId;
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
  const { id = newAccountId(), address, policy, password } = wanted;
  using typed = password === undefined ? undefined : new TypedPassword(password);
  const salt = newSalt();
  const login =
    typed === undefined
      ? NO_LOGIN
      : await makeLogin(deps.serviceKeys, { owner: id, generation }, typed, salt);
  using keys = await keysFor(deps, { ...wanted, owner: id, typed, salt, generation });
  const account = await deps.store.transaction(async (store) => {
    const at = deps.clock.now();
    const custody = keys.prepared?.custody ?? wanted.custody;
    const detail = { custody, ...generationDetail(generation) };
    await appendAudit(store, { at, action: "account.added", account: id, detail });
    await takeAddress(store, address, at);
    const added = await addAccount(
      { store, clock: deps.clock },
      { id, address, custody, policy },
      login,
      generation,
    );
    if (keys.prepared !== undefined) await saveKeys(deps, store, keys.prepared);
    return added;
  });
  return {
    account,
    certificate: keys.prepared?.key.certificate,
    recoveryCode: keys.prepared?.recoveryCode?.text,
  };
}

/** The prepared keys; disposing wipes the recovery code's secret. */
async function keysFor(
  deps: VaultDeps,
  wanted: Enrolment & {
    readonly owner: AccountId;
    readonly typed: TypedPassword | undefined;
    readonly salt: Uint8Array;
    readonly generation: number;
  },
): Promise<Disposable & { readonly prepared: PreparedKeys | undefined }> {
  const isMade = wanted.key !== "later" && wanted.custody !== "user-device-only";
  const { typed } = wanted;
  const prepared = isMade ? await prepareKeys(deps, { ...wanted, password: typed }) : undefined;
  return {
    prepared,
    [Symbol.dispose]: () => prepared?.recoveryCode?.secret[Symbol.dispose](),
  };
}
