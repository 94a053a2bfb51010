/** Addresses that an account gave up: nobody else gets them at once, and their certificates are still its own. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { DAY } from "../base/time.ts";
import { enrol } from "../login/enrol.ts";
import { revokeFresh } from "../openpgp/revocation.ts";
import { findById, findPublished } from "../store/certificates.ts";
import { purgeTombstones } from "../store/tombstones.ts";
import type { Store } from "../store/store.ts";
import { engines } from "../../test/support/engines.ts";
import {
  active,
  addressOf,
  alias,
  alice,
  old,
  opened,
  renamed,
  withAlice,
  type Deps,
} from "../../test/support/key-life.ts";
import { addAlias, removeAlias } from "./alias.ts";
import { eraseByLaw } from "./end-account.ts";
import { openWithPassword } from "./master-key.ts";
import { certificateIn } from "./publication.ts";
import { renameOwner } from "./rename.ts";
import { publishRevocation } from "./revoke.ts";
import { unlockWithPassword } from "./vault.ts";

const bob = addressOf("bob@alpha.test");
const wanted = { custody: "unlocks-at-login", profile: "compat", password: old() } as const;

/** Alice with an alias and its key, and bob. */
async function withAliasAndBob(store: Store): Promise<Deps> {
  const { deps } = await withAlice(store);
  await enrol(deps, { ...wanted, address: bob });
  using masterKey = await opened(deps, old());
  await addAlias(deps, deps.keyRules, alice, alias, masterKey);
  return deps;
}

/** What alice, who has the key of her alias elsewhere, uploads: it was compromised. */
async function ownRevocation(deps: Deps): Promise<Uint8Array> {
  const published = await findPublished(deps.store, alias);
  assert(published);
  const certificate = await certificateIn(published);
  using keys = await unlockWithPassword(deps, alice, old());
  const key = keys?.for(alias);
  assert(key);
  const now = deps.clock.now();
  return (await revokeFresh({ key, certificate, reasonCode: 2, text: "", now })).bytes;
}

for (const { engine, open } of engines()) {
  test(`${engine}: an address that was given up is nobody else's for thirty days`, async () => {
    await using store = await open();
    const deps = await withAliasAndBob(store);
    await removeAlias(deps, alice, alias, undefined);
    const takes = [
      async () => addAlias(deps, deps.keyRules, bob, alias, undefined),
      async () => enrol(deps, { ...wanted, address: alias }),
      async () => {
        using masterKey = await openWithPassword(deps, bob, old());
        assert(masterKey);
        const o = { to: alias, password: old(), withRecoveryCode: false };
        await renameOwner(deps, deps.keyRules, masterKey, o);
      },
    ];
    deps.clock.advance(29 * DAY);
    await purgeTombstones(store, deps.clock.now());
    for (const take of takes) await assert.rejects(take(), /given up less than 30 days ago/);
    deps.clock.advance(2 * DAY);
    await addAlias(deps, deps.keyRules, bob, alias, undefined);
  });

  test(`${engine}: who gave an address up may take it again, under another name too, until he is erased`, async () => {
    await using store = await open();
    const deps = await withAliasAndBob(store);
    await removeAlias(deps, alice, alias, undefined);
    {
      using masterKey = await opened(deps, old());
      const o = { to: renamed, password: old(), withRecoveryCode: false };
      await renameOwner(deps, deps.keyRules, masterKey, o);
    }
    await addAlias(deps, deps.keyRules, renamed, alias, undefined);
    await removeAlias(deps, renamed, alias, undefined);
    await removeAlias(deps, renamed, alice, undefined);
    {
      using masterKey = await openWithPassword(deps, renamed, old());
      assert(masterKey);
      const o = { to: alice, password: old(), withRecoveryCode: false };
      await renameOwner(deps, deps.keyRules, masterKey, o);
    }
    await eraseByLaw(deps, alice);
    const owners = await store.db.selectFrom("tombstones").select("owner").execute();
    assert.deepEqual(
      owners.map(({ owner }) => owner),
      ["", "", ""],
    );
    await assert.rejects(addAlias(deps, deps.keyRules, bob, alias, undefined), /given up/);
  });

  test(`${engine}: who gave an address up still publishes a revocation of its certificate, and nobody else does`, async () => {
    await using store = await open();
    const deps = await withAliasAndBob(store);
    const given = await active(store, alias);
    assert(given);
    const upload = await ownRevocation(deps);
    {
      using masterKey = await opened(deps, old());
      await removeAlias(deps, alice, alias, masterKey);
    }
    assert.equal((await findById(store, given))[0]?.state, "retired");
    deps.clock.advance(31 * DAY);
    assert.equal((await publishRevocation(deps, bob, upload)).kind, "refused");
    assert.equal((await publishRevocation(deps, alice, upload)).kind, "published");
    assert.equal((await findById(store, given))[0]?.state, "compromised");
    assert.equal((await publishRevocation(deps, alice, upload)).kind, "known");
  });
}
