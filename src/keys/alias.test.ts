/** Released addresses: nobody else gets them at once, and their certificates are still the account's own. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { enrol, tryToEnrol, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { engines } from "../../test/support/engines.ts";
import {
  active,
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
import { came } from "../../test/support/outcome.ts";
import { DAY } from "../base/time.ts";
import { revokeFresh } from "../openpgp/keys/revocation.ts";
import { listAccountsWithoutKeys } from "../store/accounts/accounts.ts";
import { purgeReleased } from "../store/accounts/addresses.ts";
import { findById, findPublished } from "../store/keys/certificates.ts";
import type { Store } from "../store/store.ts";
import { Conflict } from "../vault/conflict.ts";
import { openWithPassword } from "../vault/master-key.ts";
import { certificateIn } from "../vault/published-certificate.ts";
import { unlockWithPassword } from "../vault/vault.ts";
import { addAlias, removeAlias } from "./alias.ts";
import { backfill } from "./backfill.ts";
import { createKeys } from "./create.ts";
import { eraseByLaw } from "./end-account.ts";
import { renameAccount } from "./rename.ts";
import { publishRevocation } from "./revoke.ts";

const bob = addressOf("bob@alpha.test");
const wanted = { custody: "unlocks-at-login", profile: "compat", password: old() } as const;

/** Alice with an alias and its key, and bob. */
async function withAliasAndBob(store: Store): Promise<Deps> {
  const { deps } = await withAlice(store);
  await enrol(deps, { ...wanted, address: bob });
  using masterKey = await opened(deps, old());
  await came(addAlias(deps, deps.keyRules, idOf(alice), alias, masterKey), "added");
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
    await came(renameAccount(deps, deps.keyRules, owner, renamed, undefined), "renamed");
    const first = { ...deps.keyRules, owner, address, custody, password: undefined };
    // What an enrolment in the background read before, also where the address is an alias now.
    await assert.rejects(createKeys(deps, first), Conflict);
    await came(removeAlias(deps, owner, alice, undefined), "released");
    await assert.rejects(createKeys(deps, first), Conflict);
    assert.equal(await active(store), undefined);
    assert.equal(await backfill(deps, deps.keyRules, 10), 1);
    assert(await active(store, renamed));
  });

  test(`${engine}: a released address is nobody else's for thirty days`, async () => {
    await using store = await open();
    const deps = await withAliasAndBob(store);
    await came(removeAlias(deps, idOf(alice), alias, undefined), "released");
    const takes = [
      async () => addAlias(deps, deps.keyRules, idOf(bob), alias, undefined),
      async () => tryToEnrol(deps, { ...wanted, address: alias }),
      async () => {
        using masterKey = await openWithPassword(deps, idOf(bob), old());
        assert(masterKey);
        return await renameAccount(deps, deps.keyRules, masterKey.owner, alias, masterKey);
      },
    ];
    deps.clock.advance(29 * DAY);
    await purgeReleased(store, deps.clock.now());
    for (const take of takes) assert.deepEqual(await take(), { kind: "address-reserved" });
    deps.clock.advance(2 * DAY);
    await came(addAlias(deps, deps.keyRules, idOf(bob), alias, undefined), "added");
  });

  test(`${engine}: an account may take an address back that it released, after a rename too, until it is erased`, async () => {
    await using store = await open();
    const deps = await withAliasAndBob(store);
    await came(removeAlias(deps, idOf(alice), alias, undefined), "released");
    {
      using masterKey = await opened(deps, old());
      await came(
        renameAccount(deps, deps.keyRules, masterKey.owner, renamed, masterKey),
        "renamed",
      );
    }
    await came(addAlias(deps, deps.keyRules, idOf(alice), alias, undefined), "added");
    await came(removeAlias(deps, idOf(alice), alias, undefined), "released");
    await came(removeAlias(deps, idOf(alice), alice, undefined), "released");
    {
      using masterKey = await openWithPassword(deps, idOf(alice), old());
      assert(masterKey);
      await came(renameAccount(deps, deps.keyRules, masterKey.owner, alice, masterKey), "renamed");
    }
    await came(eraseByLaw(deps, idOf(alice)), "erased");
    const reserved = await store.db.selectFrom("reserved_addresses").select("tag").execute();
    assert.equal(reserved.length, 3);
    const again = await addAlias(deps, deps.keyRules, idOf(bob), alias, undefined);
    assert.equal(again.kind, "address-reserved");
  });

  test(`${engine}: an account still publishes a revocation for an address that it released, and no other account does`, async () => {
    await using store = await open();
    const deps = await withAliasAndBob(store);
    const given = await active(store, alias);
    assert(given);
    const upload = await ownRevocation(deps);
    {
      using masterKey = await opened(deps, old());
      await came(removeAlias(deps, idOf(alice), alias, masterKey), "released");
    }
    assert.equal((await findById(store, given))[0]?.state, "retired");
    deps.clock.advance(31 * DAY);
    assert.equal((await publishRevocation(deps, idOf(bob), upload)).kind, "revocation-of-no-key");
    assert.equal((await publishRevocation(deps, idOf(alice), upload)).kind, "published");
    assert.equal((await findById(store, given))[0]?.state, "compromised");
    assert.equal((await publishRevocation(deps, idOf(alice), upload)).kind, "known");
  });
}
