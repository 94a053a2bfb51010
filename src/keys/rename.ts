import { AppError } from "../base/errors.ts";
import type { Secret } from "../base/secret.ts";
import { appendAudit } from "../journal/audit.ts";
import { canonicalAddress, type EmailAddress } from "../mail/address.ts";
import { readAccount, updateAccount } from "../store/accounts.ts";
import { insertAlias } from "../store/aliases.ts";
import { listGenericRevocations, saveGenericRevocation } from "../store/generic-revocations.ts";
import { renameAccount as renameRows } from "../store/rename.ts";
import {
  deleteMasterKey,
  findMasterKey,
  insertMasterKey,
  insertSlot,
  listMasterKeys,
  parkMasterKey,
} from "../store/vault.ts";
import type { Store } from "../store/store.ts";
import { firstGeneration, generationNow } from "./binding.ts";
import { changeKeys, requireUnchanged } from "./change.ts";
import { firstSlots } from "./create.ts";
import { hasEscrow } from "./escrow.ts";
import { takeAddress } from "./free-address.ts";
import { raiseGeneration } from "./generation.ts";
import { makeLogin, newSalt, verifyPassword } from "./login-verifier.ts";
import { MasterKey } from "./master-key.ts";
import { makeKey, savePublishedKey } from "./new-key.ts";
import { Overtaken } from "./overtaken.ts";
import { newRecoveryCode, type RecoveryCode } from "./recovery-code.ts";
import { moveKeys } from "./renew.ts";
import { TypedPassword } from "./typed-password.ts";
import type { KeyRules, VaultDeps } from "./vault-deps.ts";
import { unwrapRevocation, wrapRevocation } from "./wrapped-rows.ts";

/**
 * Gives an account another address, with a key of its own unless its owner keeps his keys. The address before stays as an alias with its certificate, so
 * that mail for it arrives and opens. Every wrapping is bound to the account's name, so all are made anew, the recovery
 * code too.
 * @throws AppError when the address is taken, or keys are parked that only their former password moves.
 */
export async function renameOwner(
  deps: VaultDeps,
  rules: KeyRules,
  masterKey: MasterKey,
  o: { readonly to: EmailAddress; readonly password: Secret; readonly withRecoveryCode: boolean },
): Promise<RecoveryCode | undefined> {
  const { owner } = masterKey;
  using next = MasterKey.make(o.to);
  const found = await readAccount(deps.store, owner);
  if (found === undefined) throw new AppError("there is no such account", { temporary: false });
  const { custody } = found.account;
  const code = o.withRecoveryCode ? newRecoveryCode() : undefined;
  const isForDevice = custody === "user-device-only";
  const escrow = (await hasEscrow(deps.store, owner)) ? rules.escrow : undefined;
  const { generation } = masterKey;
  const target = await generationUnder(deps.store, o.to, generation);
  const { serviceKeys } = deps;
  using typed = new TypedPassword(o.password);
  const isLogin = (await verifyPassword(deps, owner, typed)) !== undefined;
  const salt = newSalt();
  // A password that opens the keys and does not log in stays one that does not.
  const login = isLogin
    ? await makeLogin(serviceKeys, { owner: o.to, generation: target }, typed, salt)
    : undefined;
  const wanted = { escrow, custody, password: typed, salt, code, generation: target };
  const slots = await firstSlots(deps, next, wanted);
  const key = isForDevice
    ? undefined
    : await makeKey(deps, next, { address: o.to, profile: rules.profile });
  await changeKeys(deps.store, owner, async (tx) => {
    await requireUnchanged(tx, masterKey);
    await requireNothingParked(tx, owner);
    const now = deps.clock.now();
    await parkMasterKey(tx, masterKey.id);
    await takeName(tx, owner, o.to, now);
    if ((await generationUnder(tx, o.to, generation)) !== target) throw new Overtaken();
    await insertMasterKey(tx, { id: next.id, owner: o.to, createdAt: now });
    for (const slot of slots) await insertSlot(tx, slot);
    if (!(await moveKeys(tx, masterKey, next))) {
      throw new AppError("a key of this account is not as it was written", { temporary: false });
    }
    await deleteMasterKey(tx, masterKey.id);
    await moveRevocations(deps, tx, owner, o.to);
    if (key !== undefined) await savePublishedKey(tx, key);
    await updateAccount(tx, o.to, { custody });
    const detail = key === undefined ? {} : { fingerprint: key.certificate.fingerprint };
    const change = { action: "account.renamed-to", detail, added: slots, login };
    const step = { from: generation, to: target, before: owner };
    await raiseGeneration(deps, tx, { owner: o.to, at: now, ...change, ...step });
  });
  return code;
}

/**
 * As `renameOwner`, for an account that has no keys here and never had: nothing is wrapped under its name.
 * @throws AppError when the address is taken, or there are keys.
 */
export async function renameKeyless(
  deps: VaultDeps,
  owner: EmailAddress,
  to: EmailAddress,
): Promise<void> {
  await changeKeys(deps.store, owner, async (tx) => {
    if ((await findMasterKey(tx, owner)) !== undefined) {
      throw new AppError("this account has keys: they have to be open", { temporary: false });
    }
    await requireNothingParked(tx, owner);
    const now = deps.clock.now();
    const from = await generationNow(tx, owner);
    const step = { from, to: await generationUnder(tx, to, from), before: owner };
    await takeName(tx, owner, to, now);
    await moveRevocations(deps, tx, owner, to);
    await raiseGeneration(deps, tx, { owner: to, at: now, action: "account.renamed-to", ...step });
  });
}

/** The generation that follows under a new name: whoever had that before had other slots. */
async function generationUnder(store: Store, to: EmailAddress, from: number): Promise<number> {
  return Math.max(from + 1, await firstGeneration(store, to));
}

/** The account under its new name, with the one before as an alias. */
async function takeName(tx: Store, owner: EmailAddress, to: EmailAddress, at: Date): Promise<void> {
  await appendAudit(tx, { at, action: "account.renamed", account: owner });
  await takeAddress(tx, to, at, owner);
  await renameRows(tx, owner, to);
  await insertAlias(tx, to, { address: owner, createdAt: at });
}

async function requireNothingParked(tx: Store, owner: EmailAddress): Promise<void> {
  if ((await listMasterKeys(tx, owner, "former")).length > 0) {
    throw new AppError(
      "keys of a forgotten password are parked in this account; open them first (account recover --former)",
      { temporary: false },
    );
  }
}

async function moveRevocations(
  deps: VaultDeps,
  tx: Store,
  from: EmailAddress,
  to: EmailAddress,
): Promise<void> {
  for (const row of await listGenericRevocations(tx, from)) {
    const { fingerprint, createdAt } = row;
    using revocation = unwrapRevocation(deps.serviceKeys, row);
    // One that only its owner has binds nothing; whose it is has to be known even so.
    const moved =
      revocation === undefined
        ? { ...row, owner: canonicalAddress(to) }
        : wrapRevocation(deps.serviceKeys, to, fingerprint, revocation.reveal());
    await saveGenericRevocation(tx, { ...moved, createdAt });
  }
}
