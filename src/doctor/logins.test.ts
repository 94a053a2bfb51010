import assert from "node:assert/strict";
import { test } from "node:test";

import { idOf } from "../../test/support/accounts.ts";
import { doctorDeps } from "../../test/support/doctor-world.ts";
import { engines } from "../../test/support/engines.ts";
import { alice, fresh, withAlice } from "../../test/support/key-life.ts";
import { fixedServiceKeys } from "../../test/support/service-keys.ts";
import { readAccount } from "../store/accounts/accounts.ts";
import { setLogin } from "../store/accounts/logins.ts";
import type { Store } from "../store/store.ts";
import { makeLogin, newSalt } from "../vault/login-verifier.ts";
import { rotateServiceKey } from "../vault/service-key-log.ts";
import { newServiceRoot, type ServiceKeys } from "../vault/service-key.ts";
import { holdAuditKeys } from "../vault/tag-keys.ts";
import { TypedPassword } from "../vault/typed-password.ts";
import type { Judgement } from "./finding.ts";
import { logins } from "./logins.ts";
import { secretKeys } from "./secret-keys.ts";
import { serviceKeyCheck } from "./service-key-check.ts";
import type { Check, DoctorDeps } from "./visit.ts";

async function judged(
  check: Check<DoctorDeps>,
  store: Store,
  serviceKeys: ServiceKeys,
): Promise<string> {
  const database = { kind: "open", store, isMigrated: true } as const;
  const found: readonly Judgement[] = await check.run(doctorDeps({}, { database, serviceKeys }));
  return found.map(({ result, title, todo }) => `${result} ${title} -> ${todo}`).join("\n");
}

for (const { engine, open } of engines()) {
  test(`${engine}: an account whose login was set without its keys is named`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    assert.match(await judged(logins, store, deps.serviceKeys), /^ok .* 1 accounts? tell the same/);
    const read = await readAccount(store, idOf(alice));
    assert(read);
    const { generation } = read;
    using typed = new TypedPassword(fresh());
    const of = { owner: idOf(alice), generation };
    const login = await makeLogin(deps.serviceKeys, of, typed, newSalt());
    await setLogin(store, idOf(alice), generation, login);
    const found = await judged(logins, store, deps.serviceKeys);
    assert.match(found, /^warn .*not given the same password .*-> .*account recover/s);
    assert.match(found, /alice@alpha\.test/);
  });

  test(`${engine}: a login that no service key opens, or of another generation, is named`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const read = await readAccount(store, idOf(alice));
    assert(read);
    const verifier = new Uint8Array(read.login.verifier.length);
    await setLogin(store, idOf(alice), read.generation, { ...read.login, verifier });
    const changed = await judged(logins, store, deps.serviceKeys);
    assert.match(changed, /^fail .*login that no service key opens/s);
    await setLogin(store, idOf(alice), read.generation + 1, read.login);
    const found = await judged(logins, store, deps.serviceKeys);
    assert.match(found, /^fail .*another generation/s);
    assert.match(found, /alice@alpha\.test.*account reset/s);
  });

  test(`${engine}: a service key that is not here is named before anything else is advised`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    using other = fixedServiceKeys(newServiceRoot());
    holdAuditKeys(store, other, false);
    const { id } = deps.serviceKeys.current;
    const found = await judged(logins, store, other);
    assert.equal(found.split("\n").length, 1);
    assert.match(found, new RegExp(`^fail 1 accounts .*service key ${id} is not here.*alice@`));
    assert.match(found, /-> First put it back from its own backup.*docs\/operate\/backup\.md/);
    assert.doesNotMatch(found, /Find out who wrote|account reset ADDRESS/);
    assert.match(await judged(secretKeys, store, other), new RegExp(`${id}.*-> Put`));
  });

  test(`${engine}: a service key that the audit log does not know is told, also an unfinished rotation`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const next = newServiceRoot();
    using rotated = fixedServiceKeys(next);
    const ids = { from: deps.serviceKeys.current.id, to: rotated.current.id };
    const doctor = async (keys: ServiceKeys): Promise<string> =>
      judged(serviceKeyCheck, store, keys);
    assert.doesNotMatch(await doctor(deps.serviceKeys), /audit log/);
    const full = (): void => {
      throw new Error("no space left on device");
    };
    await assert.rejects(rotateServiceKey(deps, ids, full), /no space left/);
    assert.doesNotMatch(await doctor(deps.serviceKeys), /audit log/);
    assert.match(await doctor(rotated), /^warn the service key was replaced, .*rotate --resume/m);
    await rotateServiceKey(deps, ids, () => undefined);
    assert.doesNotMatch(await doctor(rotated), /audit log/);
    assert.match(await doctor(deps.serviceKeys), /^fail .*not the one that the audit log says/m);
  });
}
