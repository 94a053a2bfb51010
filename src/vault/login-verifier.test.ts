import assert from "node:assert/strict";
import { test } from "node:test";

import { haveAccounts, setLoginOnly, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { engines } from "../../test/support/engines.ts";
import { alice, depsFor, fresh, old, type Deps } from "../../test/support/key-life.ts";
import { fixedServiceKeys } from "../../test/support/service-keys.ts";
import { Secret } from "../base/secret.ts";
import { readAccount } from "../store/accounts/accounts.ts";
import type { Store } from "../store/store.ts";
import { verifyPassword } from "./login-verifier.ts";
import { newServiceRoot } from "./service-key.ts";

const nobody = addressOf("nobody@alpha.test");

async function withLogin(store: Store): Promise<Deps> {
  const deps = depsFor(store);
  await haveAccounts(store, alice);
  await setLoginOnly(deps, idOf(alice), old());
  return deps;
}

for (const { engine, open } of engines()) {
  test(`${engine}: the right password gives the account, any other and any unknown address nothing`, async () => {
    await using store = await open();
    const deps = await withLogin(store);
    const account = (await readAccount(store, idOf(alice)))?.account;
    assert.deepEqual((await verifyPassword(deps, idOf(alice), old()))?.account, account);
    assert.equal(await verifyPassword(deps, idOf(alice), fresh()), undefined);
    assert.equal(await verifyPassword(deps, idOf(alice), Secret.fromText("")), undefined);
    assert.equal(await verifyPassword(deps, idOf(nobody), old()), undefined);
  });

  test(`${engine}: without the service key the right password is as wrong as any other`, async () => {
    await using store = await open();
    const deps = await withLogin(store);
    const serviceKeys = fixedServiceKeys(newServiceRoot());
    assert.equal(await verifyPassword({ ...deps, serviceKeys }, idOf(alice), old()), undefined);
  });

  test(`${engine}: a login that was written back lets nobody in`, async () => {
    await using store = await open();
    const deps = await withLogin(store);
    const before = await store.db.selectFrom("accounts").selectAll().executeTakeFirstOrThrow();
    await setLoginOnly(deps, idOf(alice), fresh());
    const { login_salt, login_verifier, login_service_key, login_kdf, generation } = before;
    const login = { login_salt, login_verifier, login_service_key, login_kdf };
    for (const row of [login, { ...login, generation }]) {
      await store.db.updateTable("accounts").set(row).execute();
      assert.equal(await verifyPassword(deps, idOf(alice), old()), undefined);
    }
  });
}

test("the same password never gives the same row", async () => {
  const [sqlite] = engines();
  assert(sqlite);
  await using store = await sqlite.open();
  const deps = await withLogin(store);
  const one = (await readAccount(store, idOf(alice)))?.login;
  await setLoginOnly(deps, idOf(alice), old());
  const two = (await readAccount(store, idOf(alice)))?.login;
  assert.notDeepEqual(one?.salt, two?.salt);
  assert.notDeepEqual(one?.verifier, two?.verifier);
});

test("an unknown address takes about the same work as a wrong password", async () => {
  const [sqlite] = engines();
  assert(sqlite);
  await using store = await sqlite.open();
  const deps = await withLogin(store);
  const timeOf = async (address: typeof alice): Promise<number> => {
    const start = process.cpuUsage();
    await verifyPassword(deps, idOf(address), Secret.fromText("wrong"));
    const { user, system } = process.cpuUsage(start);
    return user + system;
  };
  // Interleaved, and compared by effect size: a missing hash would be a hundredfold.
  const known: number[] = [];
  const unknown: number[] = [];
  for (let round = 0; round < 5; round += 1) {
    known.push(await timeOf(alice));
    unknown.push(await timeOf(nobody));
  }
  const ratio = median(unknown) / median(known);
  assert(ratio > 0.5 && ratio < 2, `ratio ${ratio.toFixed(2)}`);
});

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
}
