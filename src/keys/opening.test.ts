/** What opens an account's keys, and how that changes: each event as its table has it. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { idOf } from "../../test/support/accounts.ts";
import { engines } from "../../test/support/engines.ts";
import {
  active,
  alice,
  fresh,
  network,
  old,
  opened,
  opensMailFor,
  withAlice,
} from "../../test/support/key-life.ts";
import { came } from "../../test/support/outcome.ts";
import { findAccount } from "../accounts/accounts.ts";
import { Secret } from "../base/secret.ts";
import { verifyAudit } from "../journal/verify-audit.ts";
import { login } from "../login/login.ts";
import { recoverWithCode, replacePassword, resetPassword } from "../login/recover.ts";
import { revocationOf } from "../openpgp/certificates/acceptance.ts";
import { findById, listPublished } from "../store/keys/certificates.ts";
import { selectGenericRevocation } from "../store/keys/generic-revocations.ts";
import { findMasterKey, listMasterKeys, selectSlots } from "../store/keys/vault.ts";
import { openWithPassword } from "../vault/master-key.ts";
import { certificateIn } from "../vault/published-certificate.ts";
import { unlockWithService } from "../vault/vault.ts";
import { giveToProvider, replaceKeys } from "./custody.ts";
import { reclaimFormerKeys } from "./parked-keys.ts";
import { rotateKey } from "./rotate.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: a password change rewrites one slot and nothing else`, async () => {
    await using store = await open();
    const { deps, first, code } = await withAlice(store);
    const keysBefore = await store.db.selectFrom("secret_keys").selectAll().execute();
    assert.equal((await replacePassword(deps, idOf(alice), fresh(), old())).kind, "opens-no-key");
    await came(replacePassword(deps, idOf(alice), old(), fresh()), "replaced");
    assert.equal(await openWithPassword(deps, idOf(alice), old()), undefined);
    assert.equal((await login(deps, { address: alice, password: old(), network })).kind, "refused");
    const result = await login(deps, { address: alice, password: fresh(), network });
    assert(result.kind === "ok" && !result.isLocked);
    result.keys[Symbol.dispose]();
    assert.deepEqual(await store.db.selectFrom("secret_keys").selectAll().execute(), keysBefore);
    assert.equal(await active(store), first);
    const recovered = await came(recoverWithCode(deps, idOf(alice), code, old()), "recovered");
    assert(recovered.keys === "kept" && recovered.recoveryCode !== undefined);
    assert.equal(
      (await recoverWithCode(deps, idOf(alice), code, old())).kind,
      "wrong-recovery-code",
    );
    assert.equal((await verifyAudit(store)).kind, "intact");
  });

  test(`${engine}: a reset with nothing revokes, parks and makes anew; the old password opens old mail later`, async () => {
    await using store = await open();
    const { deps, first } = await withAlice(store);
    const { keys } = await came(resetPassword(deps, idOf(alice), fresh()), "recovered");
    assert.equal(keys, "new");
    const second = await active(store);
    assert(second !== undefined && second !== first);
    const [row] = await findById(store, first);
    assert.equal(row?.state, "withdrawn");
    assert.equal((await revocationOf(await certificateIn(row))).kind, "hard");
    assert.equal(await opensMailFor(deps, fresh(), first), false);
    assert.equal(await opensMailFor(deps, fresh(), second), true);
    assert.equal((await listMasterKeys(store, idOf(alice), "former")).length, 1);
    using masterKey = await opened(deps, fresh());
    const wrong = Secret.fromText("wrong");
    assert.equal(
      (await reclaimFormerKeys(deps, masterKey, { kind: "password", password: wrong })).kind,
      "opens-no-parked-key",
    );
    const right = { kind: "password", password: old() } as const;
    await came(reclaimFormerKeys(deps, masterKey, right), "reclaimed");
    assert.equal(await opensMailFor(deps, fresh(), first), true);
    assert.equal((await listMasterKeys(store, idOf(alice), "former")).length, 0);
    assert.equal((await findById(store, first))[0]?.state, "withdrawn");
    assert.equal(await active(store), second);
  });

  test(`${engine}: an operator's reset keeps keys that the provider may use`, async () => {
    await using store = await open();
    const { deps, first } = await withAlice(store, "provider-usable");
    assert.equal((await came(resetPassword(deps, idOf(alice), fresh()), "recovered")).keys, "kept");
    assert.equal(await active(store), first);
    assert.equal(await opensMailFor(deps, fresh(), first), true);
    assert.equal(await openWithPassword(deps, idOf(alice), old()), undefined);
  });

  test(`${engine}: a rotation publishes one and revokes the other softly; both decrypt`, async () => {
    await using store = await open();
    const { deps, first } = await withAlice(store);
    using masterKey = await opened(deps, old());
    const rotation = { address: alice, reason: "superseded", text: "rotated" } as const;
    const { certificate } = await came(
      rotateKey(deps, deps.keyRules, masterKey, rotation),
      "rotated",
    );
    const { fingerprint } = certificate;
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
    const before = await findMasterKey(store, idOf(alice));
    using masterKey = await opened(deps, old());
    const wish = { password: fresh(), withRecoveryCode: true, why: "compromised" } as const;
    const renewed = await came(
      replaceKeys(deps, deps.keyRules, masterKey, {
        ...wish,
        custody: "unlocks-at-login",
      }),
      "renewed",
    );
    assert(renewed.recoveryCode);
    assert.notEqual(await findMasterKey(store, idOf(alice)), before);
    assert.equal((await findById(store, first))[0]?.state, "compromised");
    assert.equal(await openWithPassword(deps, idOf(alice), old()), undefined);
    assert.equal(
      (await recoverWithCode(deps, idOf(alice), code, old())).kind,
      "wrong-recovery-code",
    );
    assert.equal(await opensMailFor(deps, fresh(), first), true);
    assert.equal(before === undefined ? 0 : (await selectSlots(store, before)).length, 0);
  });

  test(`${engine}: taking the keys back from the provider makes others, and he opens none of them`, async () => {
    await using store = await open();
    const { deps, first } = await withAlice(store);
    {
      using masterKey = await opened(deps, old());
      await came(giveToProvider(deps, masterKey), "given");
    }
    {
      using byService = await unlockWithService(deps, idOf(alice));
      assert.equal(byService?.active?.fingerprint, first);
    }
    using masterKey = await opened(deps, old());
    const wish = { password: old(), withRecoveryCode: false, why: "custody" } as const;
    await came(
      replaceKeys(deps, deps.keyRules, masterKey, { ...wish, custody: "unlocks-at-login" }),
      "renewed",
    );
    assert.equal(await unlockWithService(deps, idOf(alice)), undefined);
    assert.notEqual(await active(store), first);
    const account = await findAccount(store, alice);
    assert.equal(account?.custody, "unlocks-at-login");
    assert.equal(account.providerUntil?.getTime(), deps.clock.now().getTime());
  });
}
