import { addAccount, NO_LOGIN, type NewAccount } from "../accounts/accounts.ts";
import type { Secret } from "../base/secret.ts";
import { appendAudit } from "../journal/journal.ts";
import { takeAddress, type AddressRefusal } from "../keys/claim-address.ts";
import { prepareKeys, saveKeys, type PreparedKeys } from "../keys/create.ts";
import type { AccountRefusal } from "../keys/keys.ts";
import { refuse, unlessRefused } from "../keys/unless-refused.ts";
import { FIRST_GENERATION as generation, generationDetail } from "../vault/binding.ts";
import { makeLogin, newSalt } from "../vault/login-verifier.ts";
import { TypedPassword } from "../vault/typed-password.ts";
import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";
import { newAccountId, type Account, type AccountId } from "../words/account.ts";

/** Who is to have an account, and whether their key is made with it. */
export type EnrolmentWish = Omit<NewAccount, "id"> &
  KeyRules & {
    /** The name of the account in the database; absent, a new random one. */
    readonly id?: AccountId;
    /** Without one nobody logs in until a password is set; the key is provisional then. */
    readonly password?: Secret | undefined;
    /** `later`: in the background, or at the first login. */
    readonly key?: "now" | "later";
    readonly withRecoveryCode?: boolean;
  };

/** An account that was added. */
export type Enrolled = {
  readonly kind: "enrolled";
  readonly account: Account;
  readonly certificate: PreparedKeys["key"]["certificate"] | undefined;
  /** Shown once: nothing that is kept opens it again. */
  readonly recoveryCode: string | undefined;
};

/** What came of adding an account. */
export type Enrolment = Enrolled | AddressRefusal | AccountRefusal;

/** Adds an account together with its key, or neither. With custody `user-device-only` there is no certificate yet. */
export async function enrol(deps: VaultDeps, wanted: EnrolmentWish): Promise<Enrolment> {
  const { id = newAccountId(), address, policy, password } = wanted;
  using typed = password === undefined ? undefined : new TypedPassword(password);
  const salt = newSalt();
  const login =
    typed === undefined
      ? NO_LOGIN
      : await makeLogin(deps.serviceKeys, { owner: id, generation }, typed, salt);
  using keys = await keysFor(deps, { ...wanted, owner: id, typed, salt, generation });
  type Refusal = Exclude<Enrolment, Enrolled>;
  return await unlessRefused<Enrolled, Refusal>(deps.store, async (store) => {
    const at = deps.clock.now();
    const custody = keys.prepared?.custody ?? wanted.custody;
    const detail = { custody, ...generationDetail(generation) };
    await appendAudit(store, { at, action: "account.added", account: id, detail });
    const refusal = await takeAddress(store, address, at);
    if (refusal !== undefined) return refuse(refusal);
    const account = await addAccount(
      { store, clock: deps.clock },
      { id, address, custody, policy },
      login,
      generation,
    );
    if (account === undefined) return refuse({ kind: "address-taken", as: "primary" });
    const { prepared } = keys;
    const created = prepared === undefined ? undefined : await saveKeys(deps, store, prepared);
    if (created !== undefined && created.kind !== "created") return refuse(created);
    const recoveryCode = prepared?.recoveryCode?.text;
    return { kind: "enrolled", account, certificate: created?.certificate, recoveryCode };
  });
}

/** The prepared keys; disposing wipes the recovery code's secret. */
async function keysFor(
  deps: VaultDeps,
  wanted: EnrolmentWish & {
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
