/** Every function of the store about accounts, their addresses and their logins. */
import {
  hideOfDomain,
  listRollouts,
  readMembership,
  readRollout,
  updateMembership,
  upsertRollout,
} from "../../../src/store/accounts/rollout.ts";
import type { Contact } from "../../../src/words/contact.ts";
import {
  deleteContactRule,
  listContactRules,
  upsertContactRule,
} from "../../../src/store/accounts/contact-rules.ts";
import { holdAccount, lockAccount } from "../../../src/store/accounts/account-locks.ts";
import {
  findAccount,
  findAccountUsing,
  insertAccount,
  listAccountsWithoutKeys,
  listClosedAccounts,
  readAccount,
  updateAccount,
  updatePolicy,
  walkAccounts,
} from "../../../src/store/accounts/accounts.ts";
import {
  findOwner,
  forgetReleased,
  insertAlias,
  listAddresses,
  listAliases,
  listReleased,
  listSubaddresses,
  makePrimary,
  primaryAddress,
  purgeReleased,
  releaseAlias,
} from "../../../src/store/accounts/addresses.ts";
import { readStanding } from "../../../src/store/accounts/standing.ts";
import {
  countAttempt,
  forgetAttempts,
  purgeAttempts,
  readAttempts,
} from "../../../src/store/accounts/attempts.ts";
import { eraseAccount } from "../../../src/store/accounts/erase.ts";
import { setLogin } from "../../../src/store/accounts/logins.ts";
import {
  isReserved,
  purgeReserved,
  reserveAddress,
} from "../../../src/store/accounts/reserved-addresses.ts";
import type { Store } from "../../../src/store/store.ts";
import { beginTagKey, moveTagKey } from "../../../src/store/keys/tag-key.ts";
import { after, DAY } from "../../../src/base/time.ts";
import { canonicalAddress } from "../../../src/mail/address.ts";
import { newAccountId, type AccountId } from "../../../src/words/account.ts";
import { addressOf } from "../address.ts";
import { manyAddress } from "../many-rows.ts";
import { now } from "../published.ts";
import { testTagKeys } from "../tag-keys.ts";

const carol = addressOf("carol@alpha.test");
const other = addressOf("carol.reef@alpha.test");
const login = {
  salt: new Uint8Array(16).fill(1),
  kdf: "argon2id",
  verifier: new Uint8Array(60),
  serviceKey: "k",
};

/** Makes an account and gives its ID. */
export async function callAccounts(store: Store): Promise<AccountId> {
  const account = newAccountId();
  const rest = { custody: "unlocks-at-login", policy: undefined, mailboxKey: "same" } as const;
  await insertAccount(store, { id: account, address: carol, createdAt: now, ...rest });
  await insertAccount(store, { id: newAccountId(), address: carol, createdAt: now, ...rest });
  await readAccount(store, account);
  await findAccount(store, carol);
  await findAccountUsing(store, carol);
  await readStanding(store, account);
  await walkAccounts(store).next();
  await walkAccounts(store, "alpha.test").next();
  await listAccountsWithoutKeys(store, 10);
  await listClosedAccounts(store, now);
  await updateAccount(store, account, { custody: "provider-usable" });
  await updatePolicy(store, account, "require");
  const domain = addressOf(manyAddress(1)).domain;
  await readRollout(store, domain);
  await upsertRollout(store, domain, { rollout: "opt-in", others: "off" }, now);
  await hideOfDomain(store, domain, { after: "", limit: 2 });
  await listRollouts(store);
  await readMembership(store, account);
  await store.transaction(async (tx) => updateMembership(tx, account, "joined"));
  const contact = "bob@beta.test" as Contact;
  await upsertContactRule(store, account, { contact, rule: "never", since: now });
  await listContactRules(store, account);
  await deleteContactRule(store, account, contact);
  await setLogin(store, account, 1, login);
  await store.transaction(async (tx) => {
    await holdAccount(tx, account);
    await lockAccount(tx, account);
  });
  return account;
}

export async function callAddresses(store: Store, account: AccountId): Promise<void> {
  await insertAlias(store, account, { address: other, createdAt: now });
  // The index of the trace has no such address.
  await insertAlias(store, account, { address: addressOf('"a b"@alpha.test'), createdAt: now });
  await findOwner(store, other);
  await primaryAddress(store, account);
  await listAddresses(store, account);
  await listAliases(store, account);
  await listSubaddresses(store, carol);
  await makePrimary(store, { account, address: other });
  await releaseAlias(store, account, carol, now);
  await listReleased(store, account);
  await forgetReleased(store, addressOf("user1@d1.test"));
  await purgeReleased(store, now);
}

export async function callAttempts(store: Store): Promise<void> {
  await countAttempt(store, "key", now, 1000);
  await readAttempts(store, "key", now, 1000);
  await forgetAttempts(store, "key");
  await purgeAttempts(store, after(now, -DAY));
}

export async function callReservations(store: Store): Promise<void> {
  const name = canonicalAddress(addressOf("gone+tag@alpha.test"));
  await beginTagKey(store);
  await reserveAddress(store, name, now);
  await isReserved(store, name, now);
  await purgeReserved(store, now);
  const keys = testTagKeys();
  // Moved, as after a rotation of the service key.
  store.tagKeys = { ...keys, serviceKey: () => "another" };
  await moveTagKey(store);
  store.tagKeys = keys;
}

/** The end of the account that `callAccounts` made. */
export async function callErase(store: Store, account: AccountId): Promise<void> {
  await store.transaction(async (tx) => eraseAccount(tx, account, now));
}
