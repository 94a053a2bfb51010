/** A password that is changed beside another event: what logs in afterwards opens the keys, or one of the two failed. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { Secret } from "../../src/base/secret.ts";
import { giveToProvider, replaceKeys } from "../../src/keys/custody.ts";
import { verifyPassword } from "../../src/vault/login-verifier.ts";
import { openWithPassword, type MasterKey } from "../../src/vault/master-key.ts";
import { changePassword, renewRecoveryCode } from "../../src/keys/password.ts";
import { login } from "../../src/login/login.ts";
import { recoverWithCode, replacePassword, resetPassword } from "../../src/login/recover.ts";
import { setLoginOnly } from "../support/accounts.ts";
import { engines } from "../support/engines.ts";
import { alice, fresh, network, old, opened, withAlice, type Deps } from "../support/key-life.ts";
import { idOf } from "../support/accounts.ts";
import { came } from "../support/outcome.ts";

const withRecoveryCode = false;
const back = { password: old(), withRecoveryCode, custody: "unlocks-at-login" } as const;

/** Events that a key opened before the change goes into. */
const EVENTS: Readonly<Record<string, (deps: Deps, key: MasterKey) => Promise<unknown>>> = {
  "custody to the provider": giveToProvider,
  "custody back": async (deps, key) =>
    replaceKeys(deps, deps.keyRules, key, { ...back, why: "custody" }),
  compromise: async (deps, key) =>
    replaceKeys(deps, deps.keyRules, key, { ...back, why: "compromised" }),
  "a new recovery code": renewRecoveryCode,
  "another change": async (deps, key) =>
    changePassword(deps, key, { password: old(), action: "x" }),
};

async function requireWhole(deps: Deps, password: Secret, wrong: Secret): Promise<void> {
  assert(await verifyPassword(deps, idOf(alice), password));
  using key = await openWithPassword(deps, idOf(alice), password);
  assert(key, "the password that logs in opens the keys");
  assert.equal(await verifyPassword(deps, idOf(alice), wrong), undefined);
  assert.equal(await openWithPassword(deps, idOf(alice), wrong), undefined);
}

for (const { engine, open } of engines()) {
  for (const [name, event] of Object.entries(EVENTS)) {
    test(`${engine}: ${name} that a password change overtook fails, and the new password opens all`, async () => {
      await using store = await open();
      const { deps } = await withAlice(store);
      using key = await opened(deps, old());
      await came(replacePassword(deps, idOf(alice), old(), fresh()), "replaced");
      await assert.rejects(event(deps, key), { name: "Conflict", temporary: true });
      await requireWhole(deps, fresh(), old());
    });
  }

  test(`${engine}: a password change that another event overtook fails, and the old password opens all`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    using key = await opened(deps, old());
    using other = await opened(deps, old());
    await came(giveToProvider(deps, other), "given");
    const change = { password: fresh(), action: "password.changed" };
    await assert.rejects(changePassword(deps, key, change), { name: "Conflict" });
    await requireWhole(deps, old(), fresh());
  });

  test(`${engine}: a login in flight that makes the slot anew does not undo a password change`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store, "provider-usable");
    // With it nothing opens but the login, which so gives it its slot.
    const elsewhere = Secret.fromText("a password that was set elsewhere");
    await setLoginOnly(deps, idOf(alice), elsewhere);
    const request = { address: alice, password: elsewhere, network };
    const racing = login(deps, request);
    const changing = replacePassword(deps, idOf(alice), old(), fresh()).then(
      ({ kind }) => kind === "replaced",
      () => false,
    );
    const [result, isChanged] = await Promise.all([racing, changing]);
    if (result.kind === "ok") result.keys[Symbol.dispose]();
    await (isChanged
      ? requireWhole(deps, fresh(), elsewhere)
      : requireWhole(deps, elsewhere, fresh()));
  });

  test(`${engine}: of a change, a reset and a recovery at once one password is left, for login and keys alike`, async () => {
    await using store = await open();
    const { deps, code } = await withAlice(store);
    await Promise.allSettled([
      replacePassword(deps, idOf(alice), old(), fresh()),
      recoverWithCode(deps, idOf(alice), code, old()),
      resetPassword(deps, idOf(alice), fresh()),
    ]);
    const isFresh = (await verifyPassword(deps, idOf(alice), fresh())) !== undefined;
    await requireWhole(deps, isFresh ? fresh() : old(), isFresh ? old() : fresh());
  });
}
