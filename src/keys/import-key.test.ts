/** A key on its owner's device stays the published one, whatever happens to what is kept here. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { enrol, setLoginOnly, idOf } from "../../test/support/accounts.ts";
import { engines } from "../../test/support/engines.ts";
import {
  actions,
  active,
  alias,
  alice,
  depsFor,
  fresh,
  network,
  old,
  opened,
  renamed,
  withAlice,
  type Deps,
} from "../../test/support/key-life.ts";
import { came } from "../../test/support/outcome.ts";
import { openTestStore } from "../../test/support/tag-keys.ts";
import { findAccount } from "../accounts/accounts.ts";
import { after, DAY } from "../base/time.ts";
import { login } from "../login/login.ts";
import { resetPassword } from "../login/recover.ts";
import type { EmailAddress } from "../mail/address.ts";
import { extendExpiry } from "../openpgp/keys/extend.ts";
import { generateKey } from "../openpgp/keys/generate.ts";
import { readSecretKey } from "../openpgp/keys/secret-key.ts";
import { keyIdOf } from "../openpgp/packets/fingerprint.ts";
import { migrate } from "../store/engine/migrate.ts";
import { findById, findPublished, listUnserved } from "../store/keys/certificates.ts";
import { publishedVersion } from "../store/keys/published-version.ts";
import { openPublishedView } from "../store/keys/published-view.ts";
import type { Store } from "../store/store.ts";
import { addAlias } from "./alias.ts";
import { giveToProvider, replaceKeys } from "./custody.ts";
import { publishOwnCertificate, importKey } from "./import-key.ts";
import { countReleases } from "./releases.ts";
import { renameAccount } from "./rename.ts";
import { publishRevocation } from "./revoke.ts";
import { rotateKey } from "./rotate.ts";

async function bringOwn(deps: Deps, address = alice) {
  const { raw, done } = await tryToBringOwn(deps, address);
  assert.equal(done.kind, "imported");
  return { ...raw, fingerprint: raw.certificate.fingerprint };
}

async function tryToBringOwn(deps: Deps, address: EmailAddress) {
  const raw = await generateKey({ address, profile: "compat", now: deps.clock.now() });
  const { certificate } = raw;
  const rest = { revocation: undefined, masterKey: undefined };
  const brought = { owner: idOf(alice), address, certificate, ...rest };
  return { raw, done: await publishOwnCertificate(deps, brought) };
}

const custodyOf = async (store: Store) => (await findAccount(store, alice))?.custody;

for (const { engine, open, place } of engines()) {
  test(`${engine}: a key that ends without a revocation is served on no way, until its owner uploads one`, async () => {
    const database = await place();
    await using store = await openTestStore(database);
    await migrate(store);
    await using view = openPublishedView(database);
    const { deps } = await withAlice(store);
    const { certificate, fingerprint, genericRevocation } = await bringOwn(deps);
    const ids = [fingerprint, ...certificate.subkeyFingerprints].flatMap((id) => [id, keyIdOf(id)]);
    const servedBy = async () =>
      (await Promise.all(ids.map(async (id) => view.byId(id)))).flatMap((found) =>
        found.map(({ isRevoked }) => isRevoked),
      );
    assert.deepEqual(await servedBy(), Array(ids.length).fill(false));
    const version = await publishedVersion(store);
    const second = await bringOwn(deps);
    assert.deepEqual(await servedBy(), []);
    assert.deepEqual(await listUnserved(store, idOf(alice)), [fingerprint]);
    assert.equal((await view.byId(second.fingerprint)).length, 1);
    assert(version < (await publishedVersion(store)));
    assert((await actions(store)).includes("certificate.unserved"));
    const result = await publishRevocation(deps, idOf(alice), genericRevocation);
    assert(result.kind === "published");
    assert.deepEqual(await servedBy(), Array(ids.length).fill(true));
    assert.deepEqual(await listUnserved(store, idOf(alice)), []);
    assert.deepEqual(await publishRevocation(deps, idOf(alice), genericRevocation), {
      kind: "known",
      fingerprint,
    });
    assert.equal(await active(store), second.fingerprint);
  });

  test(`${engine}: a key on the user's device ends without a revocation, and is no release that is counted`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const first = await bringOwn(deps);
    const { day } = await countReleases(store, deps.clock.now());
    await bringOwn(deps);
    assert.deepEqual(await findById(store, first.fingerprint), []);
    assert.equal((await countReleases(store, deps.clock.now())).day, day);
  });

  test(`${engine}: a reset leaves the key on the user's device published`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const { fingerprint } = await bringOwn(deps);
    await came(resetPassword(deps, idOf(alice), fresh()), "recovered");
    assert.equal(await active(store), fingerprint);
    assert.equal(await custodyOf(store), "user-device-only");
  });

  test(`${engine}: so does the first login after an enrolment without a password`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await enrol(deps, { address: alice, custody: "unlocks-at-login", profile: "compat" });
    await setLoginOnly(deps, idOf(alice), old());
    const { fingerprint } = await bringOwn(deps);
    assert((await findAccount(store, alice))?.providerUntil);
    const result = await login(deps, { address: alice, password: old(), network });
    assert(result.kind === "ok");
    result.keys[Symbol.dispose]();
    assert.equal(await active(store), fingerprint);
    assert.equal(await custodyOf(store), "user-device-only");
    await came(
      addAlias(deps, deps.keyRules, idOf(alice), alias, await opened(deps, old())),
      "added",
    );
    assert.equal(await active(store, alias), undefined);
    await bringOwn(deps, alias);
  });

  test(`${engine}: a key that is kept here in its place is the account's custody again`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    await bringOwn(deps);
    const rotation = { address: alice, reason: "superseded", text: "" } as const;
    {
      using masterKey = await opened(deps, old());
      assert.equal((await giveToProvider(deps, masterKey)).kind, "key-on-device");
      await came(rotateKey(deps, deps.keyRules, masterKey, rotation), "rotated");
    }
    assert.equal(await custodyOf(store), "unlocks-at-login");
    await bringOwn(deps);
    {
      using masterKey = await opened(deps, old());
      const own = await generateKey({ address: alice, profile: "compat", now: deps.clock.now() });
      await came(importKey(deps, masterKey, alice, own), "imported");
    }
    assert.equal(await custodyOf(store), "unlocks-at-login");
    await bringOwn(deps);
    using masterKey = await opened(deps, old());
    const how = { password: old(), withRecoveryCode: false, custody: "user-device-only" } as const;
    await came(
      replaceKeys(deps, deps.keyRules, masterKey, { ...how, why: "compromised" }),
      "renewed",
    );
    assert.equal(await custodyOf(store), "unlocks-at-login");
  });

  test(`${engine}: the same key with a longer life takes the place of what is published of it`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const { certificate, fingerprint, secretKey } = await bringOwn(deps);
    const before = await findPublished(store, alice);
    deps.clock.advance(100 * DAY);
    const now = deps.clock.now();
    using key = await readSecretKey(secretKey);
    const expires = after(now, 3000 * DAY);
    const extended = await extendExpiry({ key, certificate, expires, now });
    const rest = { revocation: undefined, masterKey: undefined };
    const brought = {
      owner: idOf(alice),
      address: alice,
      certificate: extended.certificate,
      ...rest,
    };
    await came(publishOwnCertificate(deps, brought), "imported");
    const published = await findPublished(store, alice);
    assert.equal(published?.fingerprint, fingerprint);
    assert(published.expiresAt && before?.expiresAt && published.expiresAt > before.expiresAt);
  });

  test(`${engine}: a key that is kept here is not brought a second time, nor an alias before the account`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const rest = { owner: idOf(alice), revocation: undefined, masterKey: undefined };
    await came(addAlias(deps, deps.keyRules, idOf(alice), alias, undefined), "added");
    const { done } = await tryToBringOwn(deps, alias);
    assert.equal(done.kind, "own-address-first");
    using masterKey = await opened(deps, old());
    const raw = await generateKey({ address: alice, profile: "compat", now: deps.clock.now() });
    const same = { ...raw, secretKey: raw.secretKey.clone() };
    await came(importKey(deps, masterKey, alice, raw), "imported");
    const { certificate } = raw;
    const again = await publishOwnCertificate(deps, { ...rest, address: alice, certificate });
    assert.equal(again.kind, "key-kept-here");
    using second = await opened(deps, old());
    assert.equal((await importKey(deps, second, alice, same)).kind, "key-known");
    assert.equal(await custodyOf(store), "unlocks-at-login");
  });

  test(`${engine}: another name of a user who keeps his keys has none made here`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const { fingerprint } = await bringOwn(deps);
    using masterKey = await opened(deps, old());
    await came(renameAccount(deps, deps.keyRules, masterKey.owner, renamed, masterKey), "renamed");
    assert.equal(await active(store), fingerprint);
    assert.equal(await active(store, renamed), undefined);
    assert.equal((await findAccount(store, renamed))?.custody, "user-device-only");
  });
}
