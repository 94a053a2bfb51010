/** How keys begin and end: enrolment, expiry, aliases, other names, closing, erasure, another service key. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { enrol, idOf, tryToEnrol } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { engines } from "../../test/support/engines.ts";
import {
  actions,
  active,
  alias,
  alice,
  depsFor,
  enrolAlice,
  network,
  old,
  opened,
  opensMailFor,
  renamed,
  withAlice,
} from "../../test/support/key-life.ts";
import { came } from "../../test/support/outcome.ts";
import { fixedServiceKeys } from "../../test/support/service-keys.ts";
import { findAccount } from "../accounts/accounts.ts";
import { DAY, after } from "../base/time.ts";
import { verifyAudit } from "../journal/verify-audit.ts";
import { login } from "../login/login.ts";
import { resetPassword } from "../login/recover.ts";
import { findById, findPublished, listPublished } from "../store/keys/certificates.ts";
import { openWithService } from "../vault/master-key.ts";
import { rewrapAll } from "../vault/rewrap.ts";
import { newServiceRoot } from "../vault/service-key.ts";
import { unlockWithPassword, unlockWithService } from "../vault/vault.ts";
import { addAlias, removeAlias } from "./alias.ts";
import { backfill } from "./backfill.ts";
import { closeAccount, eraseByLaw, purgeClosedAccounts } from "./end-account.ts";
import { renameAccount } from "./rename.ts";
import { revokeKey } from "./revoke.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: an enrolment without a password is the provider's until the first login, which makes all anew`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await enrolAlice(deps, { key: "later" });
    assert.equal(await active(store), undefined);
    assert.equal(await backfill(deps, deps.keyRules, 10), 1);
    assert.equal(await backfill(deps, deps.keyRules, 10), 0);
    const first = await active(store);
    assert(first);
    assert.equal((await findAccount(store, alice))?.custody, "provisional");
    assert.equal((await login(deps, { address: alice, password: old(), network })).kind, "refused");
    assert.equal((await came(resetPassword(deps, idOf(alice), old()), "recovered")).keys, "new");
    assert.equal((await findAccount(store, alice))?.custody, "unlocks-at-login");
    assert.notEqual(await active(store), first);
    assert.equal(await openWithService(deps, idOf(alice)), undefined);
    assert.equal(await opensMailFor(deps, old(), first), true);
    assert.equal((await findById(store, first))[0]?.state, "superseded");
  });

  test(`${engine}: whoever has no key yet gets it at the first login`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await enrolAlice(deps, { key: "later", password: old() });
    const results = await Promise.all(
      [1, 2].map(async () => login(deps, { address: alice, password: old(), network })),
    );
    for (const result of results) {
      assert(result.kind === "ok" && !result.isLocked);
      assert.equal(result.keys.active?.fingerprint, await active(store));
      result.keys[Symbol.dispose]();
    }
    assert.equal((await listPublished(store, alice)).length, 1);
  });

  test(`${engine}: a key that ends within sixty days lives longer after a login`, async () => {
    await using store = await open();
    const { deps, first } = await withAlice(store);
    const before = await findPublished(store, alice);
    assert(before?.expiresAt);
    deps.clock.advance(before.expiresAt.getTime() - deps.clock.now().getTime() - 50 * DAY);
    const result = await login(deps, { address: alice, password: old(), network });
    assert(result.kind === "ok");
    result.keys[Symbol.dispose]();
    const extended = await findPublished(store, alice);
    assert.equal(extended?.fingerprint, first);
    assert(extended.expiresAt && extended.expiresAt > after(before.expiresAt, 900 * DAY));
    assert((await actions(store)).includes("key.extended"));
    assert.equal(await opensMailFor(deps, old(), first), true);
  });

  test(`${engine}: an alias has a certificate of its own, at once or from the next login`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    await came(addAlias(deps, deps.keyRules, idOf(alice), alias, undefined), "added");
    assert.equal(await active(store, alias), undefined);
    const result = await login(deps, { address: alice, password: old(), network });
    assert(result.kind === "ok");
    using keys = result.keys;
    const own = await active(store, alias);
    assert(own !== undefined && own !== (await active(store)));
    assert.equal(keys.for(alias)?.fingerprint ?? own, own);
    const taken = await addAlias(deps, deps.keyRules, idOf(alice), alias, undefined);
    assert.deepEqual(taken, { kind: "address-taken", as: "alias" });
    using masterKey = await opened(deps, old());
    await came(removeAlias(deps, idOf(alice), alias, masterKey), "released");
    assert.equal(await active(store, alias), undefined);
    assert.equal((await findById(store, own))[0]?.state, "retired");
    assert.equal(await opensMailFor(deps, old(), own), true);
    deps.clock.advance(DAY);
    await came(addAlias(deps, deps.keyRules, idOf(alice), alias, masterKey), "added");
    const again = await active(store, alias);
    assert(again !== undefined && again !== own);
  });

  test(`${engine}: a renamed account keeps its mail and its keys, and the old address as an alias`, async () => {
    await using store = await open();
    const { deps, first } = await withAlice(store);
    {
      using masterKey = await opened(deps, old());
      await came(
        renameAccount(deps, deps.keyRules, masterKey.owner, renamed, masterKey),
        "renamed",
      );
    }
    assert.equal(await findAccount(store, alice), undefined);
    assert.equal(await active(store), first);
    assert.notEqual(await active(store, renamed), undefined);
    const result = await login(deps, { address: renamed, password: old(), network });
    assert(result.kind === "ok" && !result.isLocked);
    using keys = result.keys;
    assert.equal(keys.for(alice)?.fingerprint, first);
    assert.equal(keys.for(renamed)?.fingerprint, await active(store, renamed));
    const wish = {
      owner: idOf(alice),
      address: alice,
      masterKey: undefined,
      reason: "retired",
      text: "",
    } as const;
    assert.equal((await came(revokeKey(deps, wish), "revoked")).by, "generic");
  });

  test(`${engine}: a closed account is revoked at once and deleted after its grace; its certificate stays`, async () => {
    await using store = await open();
    const { deps, first } = await withAlice(store);
    {
      using masterKey = await opened(deps, old());
      await came(closeAccount(deps, idOf(alice), masterKey), "closed");
    }
    assert.equal((await login(deps, { address: alice, password: old(), network })).kind, "refused");
    assert.equal(await active(store), undefined);
    assert.equal((await findById(store, first))[0]?.state, "retired");
    deps.clock.advance(29 * DAY);
    assert.equal(await purgeClosedAccounts(deps), 0);
    deps.clock.advance(2 * DAY);
    assert.equal(await purgeClosedAccounts(deps), 1);
    assert.equal(await findAccount(store, alice), undefined);
    assert.equal((await findById(store, first))[0]?.state, "retired");
    for (const table of ["slots", "secret_keys", "master_keys"] as const) {
      assert.deepEqual(await store.db.selectFrom(table).selectAll().execute(), []);
    }
  });

  test(`${engine}: erasure by law leaves nothing, and the address to nobody for thirty days`, async () => {
    await using store = await open();
    const { deps, first } = await withAlice(store);
    await came(eraseByLaw(deps, idOf(alice)), "erased");
    assert.deepEqual(await findById(store, first), []);
    const wish = { address: alice, custody: "unlocks-at-login", profile: "compat" } as const;
    const again = await tryToEnrol(deps, { ...wish, password: old() });
    assert.equal(again.kind, "address-reserved");
    deps.clock.advance(31 * DAY);
    await enrolAlice(deps, { password: old() });
    assert.equal((await verifyAudit(store)).kind, "intact");
  });

  test(`${engine}: after a rotation of the service key nothing needs the old one`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store, "provider-usable");
    const [before, next] = [newServiceRoot(), newServiceRoot()];
    const own = deps.serviceKeys;
    const withOld = { ...deps, serviceKeys: fixedServiceKeys(before.clone()) };
    const bob = addressOf("bob@alpha.test");
    await enrol(withOld, {
      address: bob,
      custody: "provider-usable",
      profile: "compat",
      password: old(),
    });
    assert.notEqual(own.current.id, withOld.serviceKeys.current.id);
    const both = { ...deps, serviceKeys: fixedServiceKeys(next.clone(), before.clone()) };
    // The rows of alice are under a key that is not here.
    assert(0 < (await rewrapAll(both)));
    const alone = { ...deps, serviceKeys: fixedServiceKeys(next.clone()) };
    {
      using keys = await unlockWithService(alone, idOf(bob));
      assert.equal(keys?.active?.fingerprint, await active(store, bob));
    }
    const result = await login(alone, { address: bob, password: old(), network });
    assert(result.kind === "ok" && !result.isLocked);
    result.keys[Symbol.dispose]();
    using keys = await unlockWithPassword(alone, idOf(bob), old());
    assert(keys?.active);
  });
}
