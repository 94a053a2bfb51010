/** The events in the life of an account's keys, each as its table has it (what happens to slots, keys, publication). */
import assert from "node:assert/strict";
import { test } from "node:test";

import { findAccount } from "../accounts/embedded.ts";
import { Secret } from "../base/secret.ts";
import { after, DAY } from "../base/time.ts";
import { listAudit, verifyAudit } from "../journal/audit.ts";
import { enrol } from "../login/enrol.ts";
import { login, type LoginDeps } from "../login/login.ts";
import { recoverWithCode, replacePassword, resetPassword } from "../login/recover.ts";
import { parseAddress, type EmailAddress } from "../mail/address.ts";
import { revocationOf } from "../openpgp/acceptance.ts";
import { decrypt } from "../openpgp/decrypt.ts";
import { encryptAtRest } from "../openpgp/encrypt.ts";
import type { Fingerprint } from "../openpgp/fingerprint.ts";
import { findById, findPublished, listPublished } from "../store/certificates.ts";
import { selectGenericRevocation } from "../store/generic-revocations.ts";
import { findMasterKey, listMasterKeys, selectSlots } from "../store/vault.ts";
import type { Store } from "../store/store.ts";
import { fakeClock } from "../../test/support/clock.ts";
import { engines } from "../../test/support/engines.ts";
import { addAlias, removeAlias } from "./alias.ts";
import { backfill } from "./backfill.ts";
import { giveToProvider, takeBack } from "./custody.ts";
import { closeAccount, eraseByLaw, purgeClosedAccounts } from "./end-account.ts";
import { reclaimFormerKeys } from "./former.ts";
import { openWithPassword, openWithService, type MasterKey } from "./master-key.ts";
import { certificateIn } from "./publication.ts";
import { readRecoveryCode } from "./recovery-code.ts";
import { renameOwner } from "./rename.ts";
import { revokeKey } from "./revoke.ts";
import { rewrapAll } from "./rewrap.ts";
import { rotateKey } from "./rotate.ts";
import { fixedServiceKeys, newServiceRoot } from "./service-key.ts";
import { unlockWithPassword, unlockWithService } from "./vault.ts";

const alice = addressOf("alice@alpha.test");
const alias = addressOf("a.quill@alpha.test");
const renamed = addressOf("alice.reef@alpha.test");
const network = "192.0.2.0/24";
const old = (): Secret => Secret.fromText("the old password");
const fresh = (): Secret => Secret.fromText("the new password");

function addressOf(text: string): EmailAddress {
  const address = parseAddress(text);
  assert(address);
  return address;
}

type Deps = LoginDeps & { readonly clock: ReturnType<typeof fakeClock> };

function depsFor(store: Store): Deps {
  return {
    store,
    clock: fakeClock(),
    serviceKeys: fixedServiceKeys(newServiceRoot()),
    keyRules: { profile: "compat" },
  };
}

async function withAlice(
  store: Store,
  custody: "unlocks-at-login" | "provider-usable" = "unlocks-at-login",
) {
  const deps = depsFor(store);
  const made = await enrol(deps, {
    address: alice,
    custody,
    password: old(),
    profile: "compat",
    withRecoveryCode: true,
  });
  const code = readRecoveryCode(made.recoveryCode ?? "");
  assert(code.kind === "read" && made.certificate);
  deps.clock.advance(DAY);
  return { deps, first: made.certificate.fingerprint, code: code.secret };
}

async function active(store: Store, address = alice): Promise<Fingerprint | undefined> {
  return (await findPublished(store, address))?.fingerprint;
}

async function opened(deps: Deps, password: Secret): Promise<MasterKey> {
  const masterKey = await openWithPassword(deps, alice, password);
  assert(masterKey);
  return masterKey;
}

/** Whether the keys that a password opens decrypt a message to a key that is, or was, published. */
async function opensMailFor(
  deps: Deps,
  password: Secret,
  fingerprint: Fingerprint,
): Promise<boolean> {
  const [row] = await findById(deps.store, fingerprint);
  assert(row);
  const data = Buffer.from("canary");
  const recipients = [await certificateIn(row)];
  const made = row.createdAt;
  const message = await encryptAtRest({ data, recipients, now: after(made, 1000) });
  using keys = await unlockWithPassword(deps, alice, password);
  if (keys === undefined) return false;
  return (await decrypt({ message, keys: keys.all })).kind === "decrypted";
}

async function actions(store: Store): Promise<readonly string[]> {
  return (await Array.fromAsync(listAudit(store))).map(({ action }) => action);
}

for (const { engine, open } of engines()) {
  test(`${engine}: a password change rewrites one slot and nothing else`, async () => {
    await using store = await open();
    const { deps, first, code } = await withAlice(store);
    const keysBefore = await store.db.selectFrom("secret_keys").selectAll().execute();
    assert.equal(await replacePassword(deps, alice, fresh(), old()), false);
    assert.equal(await replacePassword(deps, alice, old(), fresh()), true);
    assert.equal(await openWithPassword(deps, alice, old()), undefined);
    assert.equal((await login(deps, { address: alice, password: old(), network })).kind, "refused");
    const result = await login(deps, { address: alice, password: fresh(), network });
    assert(result.kind === "ok" && !result.isLocked);
    result.keys[Symbol.dispose]();
    assert.deepEqual(await store.db.selectFrom("secret_keys").selectAll().execute(), keysBefore);
    assert.equal(await active(store), first);
    const recovered = await recoverWithCode(deps, alice, code, old());
    assert(recovered?.keys === "kept" && recovered.recoveryCode);
    assert.equal(await recoverWithCode(deps, alice, code, old()), undefined);
    assert.equal((await verifyAudit(store)).kind, "intact");
  });

  test(`${engine}: a reset with nothing revokes, parks and makes anew; the old password opens old mail later`, async () => {
    await using store = await open();
    const { deps, first } = await withAlice(store);
    const { keys } = await resetPassword(deps, alice, fresh());
    assert.equal(keys, "new");
    const second = await active(store);
    assert(second !== undefined && second !== first);
    const [row] = await findById(store, first);
    assert.equal(row?.state, "withdrawn");
    assert.equal((await revocationOf(await certificateIn(row))).kind, "hard");
    assert.equal(await opensMailFor(deps, fresh(), first), false);
    assert.equal(await opensMailFor(deps, fresh(), second), true);
    assert.equal((await listMasterKeys(store, alice, "former")).length, 1);
    using masterKey = await opened(deps, fresh());
    const wrong = Secret.fromText("wrong");
    assert.equal(
      await reclaimFormerKeys(deps, masterKey, { kind: "password", password: wrong }),
      false,
    );
    assert.equal(
      await reclaimFormerKeys(deps, masterKey, { kind: "password", password: old() }),
      true,
    );
    assert.equal(await opensMailFor(deps, fresh(), first), true);
    assert.equal((await listMasterKeys(store, alice, "former")).length, 0);
    assert.equal((await findById(store, first))[0]?.state, "withdrawn");
    assert.equal(await active(store), second);
  });

  test(`${engine}: an operator's reset keeps keys that the provider may use`, async () => {
    await using store = await open();
    const { deps, first } = await withAlice(store, "provider-usable");
    assert.equal((await resetPassword(deps, alice, fresh())).keys, "kept");
    assert.equal(await active(store), first);
    assert.equal(await opensMailFor(deps, fresh(), first), true);
    assert.equal(await openWithPassword(deps, alice, old()), undefined);
  });

  test(`${engine}: a rotation publishes one and revokes the other softly; both decrypt`, async () => {
    await using store = await open();
    const { deps, first } = await withAlice(store);
    using masterKey = await opened(deps, old());
    const rotation = { address: alice, reason: "superseded", text: "rotated" } as const;
    const { fingerprint } = await rotateKey(deps, deps.keyRules, masterKey, rotation);
    assert.equal(await active(store), fingerprint);
    const [row] = await findById(store, first);
    assert.equal(row?.state, "superseded");
    const revocation = await revocationOf(await certificateIn(row));
    assert(revocation.kind === "soft" && revocation.reasonCode === 1);
    assert.equal(revocation.at.getTime(), Math.floor(deps.clock.now().getTime() / 1000) * 1000);
    assert.equal(await opensMailFor(deps, old(), first), true);
    assert.equal(await opensMailFor(deps, old(), fingerprint), true);
    assert(await selectGenericRevocation(store, fingerprint));
  });

  test(`${engine}: of many rotations at once each leaves exactly one active key`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    using masterKey = await opened(deps, old());
    const rotation = { address: alice, reason: "superseded", text: "rotated" } as const;
    await Promise.all(
      Array.from({ length: 8 }, async () => rotateKey(deps, deps.keyRules, masterKey, rotation)),
    );
    const states = (await listPublished(store, alice)).map(({ state }) => state);
    assert.equal(states.filter((state) => state === "active").length, 1);
    assert.equal(states.filter((state) => state === "superseded").length, 8);
  });

  test(`${engine}: a compromise makes another master key, and the old password slot is gone with the old one`, async () => {
    await using store = await open();
    const { deps, first, code } = await withAlice(store);
    const before = await findMasterKey(store, alice);
    using masterKey = await opened(deps, old());
    const wish = { password: fresh(), withRecoveryCode: true, why: "compromised" } as const;
    const renewed = await takeBack(deps, deps.keyRules, masterKey, {
      ...wish,
      custody: "unlocks-at-login",
    });
    assert(renewed.recoveryCode);
    assert.notEqual(await findMasterKey(store, alice), before);
    assert.equal((await findById(store, first))[0]?.state, "compromised");
    assert.equal(await openWithPassword(deps, alice, old()), undefined);
    assert.equal(await recoverWithCode(deps, alice, code, old()), undefined);
    assert.equal(await opensMailFor(deps, fresh(), first), true);
    assert.equal(before === undefined ? 0 : (await selectSlots(store, before)).length, 0);
  });

  test(`${engine}: taking the keys back from the provider makes others, and he opens none of them`, async () => {
    await using store = await open();
    const { deps, first } = await withAlice(store);
    {
      using masterKey = await opened(deps, old());
      await giveToProvider(deps, masterKey);
    }
    {
      using byService = await unlockWithService(deps, alice);
      assert.equal(byService?.active?.fingerprint, first);
    }
    using masterKey = await opened(deps, old());
    const wish = { password: old(), withRecoveryCode: false, why: "custody" } as const;
    await takeBack(deps, deps.keyRules, masterKey, { ...wish, custody: "unlocks-at-login" });
    assert.equal(await unlockWithService(deps, alice), undefined);
    assert.notEqual(await active(store), first);
    const account = await findAccount(store, alice);
    assert.equal(account?.custody, "unlocks-at-login");
    assert.equal(account.providerUntil?.getTime(), deps.clock.now().getTime());
  });

  test(`${engine}: an enrolment without a password is the provider's until the first login, which makes all anew`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await enrol(deps, {
      address: alice,
      custody: "unlocks-at-login",
      profile: "compat",
      key: "later",
    });
    assert.equal(await active(store), undefined);
    assert.equal(await backfill(deps, deps.keyRules, 10), 1);
    assert.equal(await backfill(deps, deps.keyRules, 10), 0);
    const first = await active(store);
    assert(first);
    assert.equal((await findAccount(store, alice))?.custody, "provider-usable");
    assert.equal((await login(deps, { address: alice, password: old(), network })).kind, "refused");
    assert.equal((await resetPassword(deps, alice, old())).keys, "new");
    assert.equal((await findAccount(store, alice))?.custody, "unlocks-at-login");
    assert.notEqual(await active(store), first);
    assert.equal(await openWithService(deps, alice), undefined);
    assert.equal(await opensMailFor(deps, old(), first), true);
    assert.equal((await findById(store, first))[0]?.state, "superseded");
  });

  test(`${engine}: whoever has no key yet gets it at the first login`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const later = {
      address: alice,
      custody: "unlocks-at-login",
      profile: "compat",
      key: "later",
    } as const;
    await enrol(deps, { ...later, password: old() });
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
    await addAlias(deps, deps.keyRules, alice, alias, undefined);
    assert.equal(await active(store, alias), undefined);
    const result = await login(deps, { address: alice, password: old(), network });
    assert(result.kind === "ok");
    using keys = result.keys;
    const own = await active(store, alias);
    assert(own !== undefined && own !== (await active(store)));
    assert.equal(keys.for(alias)?.fingerprint ?? own, own);
    await assert.rejects(addAlias(deps, deps.keyRules, alice, alias, undefined), /taken/);
    using masterKey = await opened(deps, old());
    await removeAlias(deps, alice, alias, masterKey);
    assert.equal(await active(store, alias), undefined);
    assert.equal((await findById(store, own))[0]?.state, "retired");
    assert.equal(await opensMailFor(deps, old(), own), true);
  });

  test(`${engine}: a renamed account keeps its mail and its keys, and the old address as an alias`, async () => {
    await using store = await open();
    const { deps, first } = await withAlice(store);
    {
      using masterKey = await opened(deps, old());
      const o = { to: renamed, password: old(), withRecoveryCode: false };
      await renameOwner(deps, deps.keyRules, masterKey, o);
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
      owner: renamed,
      address: alice,
      masterKey: undefined,
      reason: "retired",
      text: "",
    } as const;
    assert.equal((await revokeKey(deps, wish)).by, "generic");
  });

  test(`${engine}: a closed account is revoked at once and deleted after its grace; its certificate stays`, async () => {
    await using store = await open();
    const { deps, first } = await withAlice(store);
    {
      using masterKey = await opened(deps, old());
      await closeAccount(deps, alice, masterKey);
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
    await eraseByLaw(deps, alice);
    assert.deepEqual(await findById(store, first), []);
    const again = {
      address: alice,
      custody: "unlocks-at-login",
      profile: "compat",
      password: old(),
    } as const;
    await assert.rejects(enrol(deps, again), /erased/);
    deps.clock.advance(31 * DAY);
    await enrol(deps, again);
    assert.equal((await verifyAudit(store)).kind, "intact");
  });

  test(`${engine}: after a rotation of the service key nothing needs the old one but passwords not used since`, async () => {
    await using store = await open();
    const { deps, first } = await withAlice(store, "provider-usable");
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
    assert(own.current.id !== withOld.serviceKeys.current.id && first !== undefined);
    const both = { ...deps, serviceKeys: fixedServiceKeys(next.clone(), before.clone()) };
    const left = await rewrapAll(both);
    assert.equal(left.passwords, 2);
    const alone = { ...deps, serviceKeys: fixedServiceKeys(next.clone()) };
    {
      using keys = await unlockWithService(alone, bob);
      assert.equal(keys?.active?.fingerprint, await active(store, bob));
    }
    const result = await login(both, { address: bob, password: old(), network });
    assert(result.kind === "ok");
    result.keys[Symbol.dispose]();
    using keys = await unlockWithPassword(alone, bob, old());
    assert(keys?.active);
  });
}
