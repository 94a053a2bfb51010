/** What another master key takes along, and what it does not. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { enrol, setLoginOnly, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { engines } from "../../test/support/engines.ts";
import {
  active,
  alice,
  depsFor,
  fresh,
  network,
  old,
  opened,
} from "../../test/support/key-life.ts";
import { came } from "../../test/support/outcome.ts";
import { findAccount } from "../accounts/accounts.ts";
import { DAY } from "../base/time.ts";
import { login } from "../login/login.ts";
import { resetPassword } from "../login/recover.ts";
import { generateKey } from "../openpgp/keys/generate.ts";
import { listPublished } from "../store/keys/certificates.ts";
import { hasEscrow } from "../vault/escrow.ts";
import { replaceKeys } from "./custody.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: who logs in twice at once after an enrolment without a password gets in twice`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await enrol(deps, { address: alice, custody: "unlocks-at-login", profile: "compat" });
    await setLoginOnly(deps, idOf(alice), old());
    const results = await Promise.all(
      [1, 2].map(async () => login(deps, { address: alice, password: old(), network })),
    );
    for (const result of results) {
      assert(result.kind === "ok" && !result.isLocked);
      assert.equal(result.keys.active?.fingerprint, await active(store));
      result.keys[Symbol.dispose]();
    }
    assert.equal((await listPublished(store, alice)).length, 2);
  });

  test(`${engine}: an escrow that ended does not come back, and parked keys have none either`, async () => {
    await using store = await open();
    const bare = depsFor(store);
    const now = bare.clock.now();
    const escrowAddress = addressOf("escrow@alpha.test");
    const organisation = await generateKey({ address: escrowAddress, profile: "compat", now });
    const deps = { ...bare, keyRules: { ...bare.keyRules, escrow: organisation.certificate } };
    const wanted = { address: alice, custody: "unlocks-at-login", ...deps.keyRules } as const;
    await enrol(deps, { ...wanted, password: old() });
    deps.clock.advance(DAY);
    await came(resetPassword(deps, idOf(alice), fresh()), "recovered");
    assert.equal(await hasEscrow(store, idOf(alice)), true);
    const how = {
      password: fresh(),
      withRecoveryCode: false,
      custody: "unlocks-at-login",
    } as const;
    {
      using masterKey = await opened(deps, fresh());
      await came(replaceKeys(deps, deps.keyRules, masterKey, { ...how, why: "escrow" }), "renewed");
    }
    const slots = await store.db
      .selectFrom("slots")
      .where("kind", "=", "escrow")
      .selectAll()
      .execute();
    assert.deepEqual(slots, []);
    {
      using masterKey = await opened(deps, fresh());
      await came(
        replaceKeys(deps, deps.keyRules, masterKey, { ...how, why: "custody" }),
        "renewed",
      );
    }
    assert.equal(await hasEscrow(store, idOf(alice)), false);
    assert.equal((await findAccount(store, alice))?.providerUntil, undefined);
  });
}
