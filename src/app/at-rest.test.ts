/** Mail at rest is for keys of its own account alone, also where somebody had the address before. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { idOf } from "../../test/support/accounts.ts";
import { engines } from "../../test/support/engines.ts";
import {
  active,
  alias,
  alice,
  old,
  opened,
  renamed,
  withAlice,
  type Deps,
} from "../../test/support/key-life.ts";
import { came } from "../../test/support/outcome.ts";
import { after, DAY } from "../base/time.ts";
import { addAlias, removeAlias } from "../keys/alias.ts";
import { closeAccount, eraseByLaw, purgeClosedAccounts } from "../keys/end-account.ts";
import { publishOwnCertificate } from "../keys/import-key.ts";
import { renameAccount } from "../keys/rename.ts";
import { revokeKey } from "../keys/revoke.ts";
import { enrol as enrolNew } from "../login/enrol.ts";
import { generateKey } from "../openpgp/keys/generate.ts";
import { decrypt } from "../openpgp/messages/decrypt.ts";
import { purgeReleased } from "../store/accounts/addresses.ts";
import { purgeReserved } from "../store/accounts/reserved-addresses.ts";
import { findById } from "../store/keys/certificates.ts";
import { unlockWithPassword } from "../vault/vault.ts";
import type { Account } from "../words/account.ts";
import { wrapFor } from "./at-rest.ts";

const data = Buffer.from("canary");
const NO_KEY = /no key to protect/;
const later = { custody: "unlocks-at-login", profile: "compat", key: "later" } as const;

/** Somebody else gets an address that alice had, and no key yet. */
async function taken(deps: Deps, address = alias): Promise<Account> {
  deps.clock.advance(61 * DAY);
  await purgeReleased(deps.store, deps.clock.now());
  await purgeReserved(deps.store, deps.clock.now());
  const wish = { ...later, address, password: old() } as const;
  const { account } = await came(enrolNew(deps, wish), "enrolled");
  return account;
}

for (const { engine, open } of engines()) {
  test(`${engine}: mail to a revoked key's owner is kept for him`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const wish = { owner: idOf(alice), address: alice, masterKey: undefined, text: "" };
    await came(revokeKey(deps, { ...wish, reason: "withdrawn" }), "revoked");
    const message = await wrapFor(deps, { id: idOf(alice), address: alice }, data);
    using keys = await unlockWithPassword(deps, idOf(alice), old());
    assert(keys);
    assert.equal((await decrypt({ message, keys: keys.all })).kind, "decrypted");
  });

  test(`${engine}: mail to a released address is stored for its new owner only`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    {
      using masterKey = await opened(deps, old());
      await came(addAlias(deps, deps.keyRules, idOf(alice), alias, masterKey), "added");
    }
    const given = await active(store, alias);
    assert(given);
    await came(removeAlias(deps, idOf(alice), alias, undefined), "released");
    const other = await taken(deps);
    await assert.rejects(wrapFor(deps, other, data), NO_KEY);
    await came(eraseByLaw(deps, other.id), "erased");
    assert.equal((await findById(store, given)).length, 1);
    await came(eraseByLaw(deps, idOf(alice)), "erased");
    assert.equal((await findById(store, given)).length, 0);
  });

  test(`${engine}: mail to who has the address of a deleted account is not kept for its keys`, async () => {
    await using store = await open();
    const { deps, first } = await withAlice(store);
    await came(closeAccount(deps, idOf(alice), undefined), "closed");
    deps.clock.advance(31 * DAY);
    assert.equal(await purgeClosedAccounts(deps), 1);
    const other = await taken(deps, alice);
    await assert.rejects(wrapFor(deps, other, data), NO_KEY);
    await came(eraseByLaw(deps, other.id), "erased");
    assert.equal((await findById(store, first)).length, 1);
  });

  test(`${engine}: mail to the new name of who has his key himself is kept for that key`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const now = after(deps.clock.now(), 0);
    const { certificate } = await generateKey({ address: alice, profile: "compat", now });
    const brought = { owner: idOf(alice), address: alice, certificate, masterKey: undefined };
    await came(publishOwnCertificate(deps, { ...brought, revocation: undefined }), "imported");
    {
      using masterKey = await opened(deps, old());
      await came(
        renameAccount(deps, deps.keyRules, masterKey.owner, renamed, masterKey),
        "renamed",
      );
    }
    assert.equal(await active(store, renamed), undefined);
    const message = await wrapFor(deps, { id: idOf(alice), address: renamed }, data);
    const opening = await decrypt({ message, keys: [] });
    assert(opening.kind === "no-key");
    const [id] = opening.keyIds;
    assert(id !== undefined);
    assert.equal((await findById(store, id))[0]?.fingerprint, certificate.fingerprint);
  });
}
