import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import { Secret } from "../base/secret.ts";
import { login } from "../login/login.ts";
import { readAccount } from "../store/accounts.ts";
import { engines } from "../../test/support/engines.ts";
import { insertFormerAccount } from "../../test/support/former-password.ts";
import { alice, depsFor, fresh, network, old } from "../../test/support/key-life.ts";
import { PASSWORD_KDF } from "./typed-password.ts";
import { upgradeAccounts } from "./upgrade-accounts.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: an account of before logs in with its password, and no hash of it lies in clear`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    using secret = new Secret(randomBytes(32));
    const { hash } = await insertFormerAccount(deps, alice, old(), secret);
    assert.equal(await upgradeAccounts(deps), 1);
    assert.equal(await upgradeAccounts(deps), 0);
    const row = await store.db.selectFrom("accounts").selectAll().executeTakeFirstOrThrow();
    for (const value of Object.values(row)) {
      assert(!(value instanceof Uint8Array) || !Buffer.from(value).includes(Buffer.from(hash)));
    }
    const request = { address: alice, network };
    assert.equal((await login(deps, { ...request, password: fresh() })).kind, "refused");
    for (const _time of [1, 2]) {
      const result = await login(deps, { ...request, password: old() });
      assert(result.kind === "ok" && !result.isLocked);
      result.keys[Symbol.dispose]();
      assert.equal((await readAccount(store, alice))?.login.kdf, PASSWORD_KDF);
      assert.equal((await readAccount(store, alice))?.generation, 2);
    }
  });
}
