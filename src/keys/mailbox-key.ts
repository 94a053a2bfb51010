/** A key pair of the mailbox's own, for users who want another one at rest than the one that others seal to. */
import { appendAudit } from "../journal/journal.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { KeyProfile } from "../openpgp/certificates/profile.ts";
import { readAccount, updateAccount } from "../store/accounts/accounts.ts";
import {
  activateMailboxCertificate,
  findMailboxCertificate,
  retireMailboxCertificate,
} from "../store/keys/mailbox-certificates.ts";
import { saveSecretKey } from "../store/keys/vault.ts";
import type { Store } from "../store/store.ts";
import type { MasterKey } from "../vault/master-key.ts";
import type { KeyRules, VaultDeps } from "../vault/vault-deps.ts";
import type { AccountId, MailboxKey } from "../words/account.ts";
import { changeKeys, requireCurrent, type AccountRefusal } from "./keys.ts";
import { makeKey, type NewKey } from "./new-key.ts";

/** Whether the account's mailbox has a key pair of its own. */
export async function hasMailboxKey(store: Store, owner: AccountId): Promise<boolean> {
  return (await findMailboxCertificate(store, owner)) !== undefined;
}

/** Makes a key pair for the mailbox of an account; `address` is the primary one. Takes no database. */
export async function makeMailboxKey(
  deps: Pick<VaultDeps, "clock" | "serviceKeys">,
  masterKey: MasterKey,
  address: EmailAddress,
  profile: KeyProfile,
): Promise<NewKey> {
  return makeKey(deps, masterKey, { address, profile, purpose: "mailbox" });
}

/** Writes it, in the caller's transaction: from then on the mailbox is encrypted to it. Nothing of it is published. */
export async function saveMailboxKey(store: Store, owner: AccountId, key: NewKey): Promise<void> {
  await saveSecretKey(store, key.secretKey);
  const { fingerprint, bytes } = key.certificate;
  const { createdAt } = key.secretKey;
  await activateMailboxCertificate(store, owner, { fingerprint, bytes, createdAt });
}

/** What came of choosing the key pair of a mailbox. */
export type MailboxKeyChoice = { readonly kind: "chosen" } | AccountRefusal;

/**
 * Chooses the key pair of the mailbox. What is in it stays as it is and readable; what comes from then on is encrypted to
 * the pair chosen.
 */
export async function chooseMailboxKey(
  deps: VaultDeps,
  rules: KeyRules,
  masterKey: MasterKey,
  mailboxKey: MailboxKey,
): Promise<MailboxKeyChoice> {
  const { owner } = masterKey;
  const account = (await readAccount(deps.store, owner))?.account;
  if (account === undefined) return { kind: "no-account" };
  const key =
    mailboxKey === "separate" && !(await hasMailboxKey(deps.store, owner))
      ? await makeMailboxKey(deps, masterKey, account.address, rules.profile)
      : undefined;
  return changeKeys(deps.store, owner, async (tx) => {
    await requireCurrent(tx, masterKey);
    if (mailboxKey === "same") await retireMailboxCertificate(tx, owner);
    if (key !== undefined) await saveMailboxKey(tx, owner, key);
    await updateAccount(tx, owner, { mailboxKey });
    const detail = { mailboxKey };
    const at = deps.clock.now();
    await appendAudit(tx, { at, action: "mailbox-key.chosen", account: owner, detail });
    return { kind: "chosen" };
  });
}
