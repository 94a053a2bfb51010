/** Which way new keys are made, and what is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { engines } from "../../test/support/engines.ts";
import { actions, alice, depsFor, enrolAlice, fresh, old } from "../../test/support/key-life.ts";
import { findAccount } from "../accounts/accounts.ts";
import { findPublished, listPublished } from "../store/keys/certificates.ts";
import type { Store } from "../store/store.ts";
import { makeNewKeys, type NewKeys, type NewKeysWish } from "./new-keys.ts";

async function attempt(
  deps: ReturnType<typeof depsFor>,
  wish: Pick<NewKeysWish, "why"> & Partial<NewKeysWish>,
): Promise<NewKeys> {
  return makeNewKeys(deps, deps.keyRules, {
    account: await accountIn(deps.store),
    password: old(),
    withRecoveryCode: false,
    mayEndEscrow: true,
    ...wish,
  });
}

async function accountIn(store: Store) {
  return (await findAccount(store, alice)) ?? assert.fail();
}

for (const { engine, open } of engines()) {
  test(`${engine}: a key on a device is followed by first keys here, after the right password alone`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await enrolAlice(deps, { custody: "user-device-only", password: old() });
    const wrong = await attempt(deps, { why: "custody", password: fresh() });
    assert.equal(wrong.kind, "wrong-password");
    assert.equal((await attempt(deps, { why: "compromised" })).kind, "no-key-here");
    const made = await attempt(deps, { why: "custody" });
    assert(made.kind === "made" && made.isFirst);
    assert.equal((await accountIn(store)).custody, "unlocks-at-login");
    assert.equal((await findPublished(store, alice))?.fingerprint, made.certificate?.fingerprint);
  });

  test(`${engine}: keys that are here are replaced, and keep what nobody asked to change`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await enrolAlice(deps, { custody: "provider-usable", password: old() });
    assert.equal((await attempt(deps, { why: "custody", password: fresh() })).kind, "opens-no-key");
    const renewed = await attempt(deps, { why: "compromised" });
    assert(renewed.kind === "made" && !renewed.isFirst);
    assert.equal((await accountIn(store)).custody, "provider-usable");
    const taken = await attempt(deps, { why: "custody" });
    assert.equal(taken.kind, "made");
    assert.equal((await accountIn(store)).custody, "unlocks-at-login");
    assert.equal((await listPublished(store, alice)).length, 3);
  });

  test(`${engine}: escrow is ended where there is some, by users who may`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await enrolAlice(deps, { password: old() });
    const kept = await actions(store);
    const refused = await attempt(deps, { why: "escrow", mayEndEscrow: false });
    assert.equal(refused.kind, "escrow-is-not-theirs");
    assert.equal((await attempt(deps, { why: "escrow" })).kind, "no-escrow");
    assert.deepEqual(await actions(store), kept);
  });
}
