/** Released addresses: nobody else gets them at once, and their certificates are still the account's own. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { DAY } from "../base/time.ts";
import { revokeFresh } from "../openpgp/keys/revocation.ts";
import { listAccountsWithoutKeys } from "../store/accounts/accounts.ts";
import { findById, findPublished } from "../store/keys/certificates.ts";
import { purgeReleased } from "../store/accounts/addresses.ts";
import type { Store } from "../store/store.ts";
import { engines } from "../../test/support/engines.ts";
import {
  active,
  addressOf,
  alias,
  alice,
  depsFor,
  enrolAlice,
  old,
  opened,
  renamed,
  withAlice,
  type Deps,
} from "../../test/support/key-life.ts";
import { addAlias, removeAlias } from "./alias.ts";
import { backfill } from "./backfill.ts";
import { createKeys } from "./create.ts";
import { eraseByLaw } from "./end-account.ts";
import { openWithPassword } from "../vault/master-key.ts";
import { Overtaken } from "../vault/conflict.ts";
import { certificateIn } from "./publication.ts";
import { renameAccount } from "./rename.ts";
import { publishRevocation } from "./revoke.ts";
import { unlockWithPassword } from "../vault/vault.ts";
import { enrol, idOf } from "../../test/support/accounts.ts";

const bob = addressOf("bob@alpha.test");
const wanted = { custody: "unlocks-at-login", profile: "compat", password: old() } as const;

/** Alice with an alias and its key, and bob. */
async function withAliasAndBob(store: Store): Promise<Deps> {
  const { deps } = await withAlice(store);
  await enrol(deps, { ...wanted, address: bob });
  using masterKey = await opened(deps, old());
  await addAlias(deps, deps.keyRules, idOf(alice), alias, masterKey);
  return deps;
}

/** What alice, who has the key of her alias elsewhere, uploads: it was compromised. */
async function ownRevocation(deps: Deps): Promise<Uint8Array> {
  const published = await findPublished(deps.store, alias);
  assert(published);
  const certificate = await certificateIn(published);
  using keys = await unlockWithPassword(deps, idOf(alice), old());
  const key = keys?.for(alias);
  assert(key);
  const now = deps.clock.now();
  return (await revokeFresh({ key, certificate, reasonCode: 2, text: "", now })).bytes;
}

for (const { engine, open } of engines()) {
  test(`${engine}: no first key is made for an address that its account released meanwhile`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await enrolAlice(deps, { key: "later" });
    const [listed] = await listAccountsWithoutKeys(store, 1);
    assert(listed);
    const { id: owner, address, custody } = listed;
    await renameAccount(deps, deps.keyRules, owner, renamed, undefined);
    const first = { ...deps.keyRules, owner, address, custody, password: undefined };
    // What an enrolment in the background read before, also where the address is an alias now.
    await assert.rejects(createKeys(deps, first), Overtaken);
    await removeAlias(deps, owner, alice, undefined);
    await assert.rejects(createKeys(deps, first), Overtaken);
    assert.equal(await active(store), undefined);
    assert.equal(await backfill(deps, deps.keyRules, 10), 1);
    assert(await active(store, renamed));
  });

  test(`${engine}: a released address is nobody else's for thirty days`, async () => {
    await using store = await open();
    const deps = await withAliasAndBob(store);
    await removeAlias(deps, idOf(alice), alias, undefined);
    const takes = [
      async () => addAlias(deps, deps.keyRules, idOf(bob), alias, undefined),
      async () => enrol(deps, { ...wanted, address: alias }),
      async () => {
        using masterKey = await openWithPassword(deps, idOf(bob), old());
        assert(masterKey);
        await renameAccount(deps, deps.keyRules, masterKey.owner, alias, masterKey);
      },
    ];
    deps.clock.advance(29 * DAY);
    await purgeReleased(store, deps.clock.now());
    for (const take of takes) await assert.rejects(take(), /released less than 30 days ago/);
    deps.clock.advance(2 * DAY);
    await addAlias(deps, deps.keyRules, idOf(bob), alias, undefined);
  });

  test(`${engine}: an account may take an address back that it released, after a rename too, until it is erased`, async () => {
    await using store = await open();
    const deps = await withAliasAndBob(store);
    await removeAlias(deps, idOf(alice), alias, undefined);
    {
      using masterKey = await opened(deps, old());
      await renameAccount(deps, deps.keyRules, masterKey.owner, renamed, masterKey);
    }
    await addAlias(deps, deps.keyRules, idOf(alice), alias, undefined);
    await removeAlias(deps, idOf(alice), alias, undefined);
    await removeAlias(deps, idOf(alice), alice, undefined);
    {
      using masterKey = await openWithPassword(deps, idOf(alice), old());
      assert(masterKey);
      await renameAccount(deps, deps.keyRules, masterKey.owner, alice, masterKey);
    }
    await eraseByLaw(deps, idOf(alice));
    const reserved = await store.db.selectFrom("reserved_addresses").select("tag").execute();
    assert.equal(reserved.length, 3);
    await assert.rejects(addAlias(deps, deps.keyRules, idOf(bob), alias, undefined), /released/);
  });

  test(`${engine}: an account still publishes a revocation for an address that it released, and no other account does`, async () => {
    await using store = await open();
    const deps = await withAliasAndBob(store);
    const given = await active(store, alias);
    assert(given);
    const upload = await ownRevocation(deps);
    {
      using masterKey = await opened(deps, old());
      await removeAlias(deps, idOf(alice), alias, masterKey);
    }
    assert.equal((await findById(store, given))[0]?.state, "retired");
    deps.clock.advance(31 * DAY);
    assert.equal((await publishRevocation(deps, idOf(bob), upload)).kind, "refused");
    assert.equal((await publishRevocation(deps, idOf(alice), upload)).kind, "published");
    assert.equal((await findById(store, given))[0]?.state, "compromised");
    assert.equal((await publishRevocation(deps, idOf(alice), upload)).kind, "known");
  });
}
