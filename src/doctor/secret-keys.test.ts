import assert from "node:assert/strict";
import { test } from "node:test";

import { idOf } from "../../test/support/accounts.ts";
import { fakeClock } from "../../test/support/clock.ts";
import { doctorDeps } from "../../test/support/doctor-world.ts";
import { engines } from "../../test/support/engines.ts";
import { came } from "../../test/support/outcome.ts";
import { fixedServiceKeys } from "../../test/support/service-keys.ts";
import { Secret } from "../base/secret.ts";
import { createKeys } from "../keys/create.ts";
import { parseAddress } from "../mail/address.ts";
import { insertAccount } from "../store/accounts/accounts.ts";
import type { Store } from "../store/store.ts";
import { newServiceRoot, type ServiceKeys } from "../vault/service-key.ts";
import type { Custody } from "../words/account.ts";
import { secretKeys } from "./secret-keys.ts";

async function add(
  store: Store,
  serviceKeys: ServiceKeys,
  text: string,
  custody: Custody,
): Promise<void> {
  const address = parseAddress(text);
  assert(address);
  const clock = fakeClock();
  const createdAt = clock.now();
  const id = idOf(address);
  const rest = { policy: undefined, createdAt, mailboxKey: "same" } as const;
  await insertAccount(store, { id, address, custody, ...rest });
  const password = Secret.fromText("a password");
  const deps = { store, clock, serviceKeys };
  await came(
    createKeys(deps, { owner: id, address, custody, password, profile: "compat" }),
    "created",
  );
}

async function judged(store: Store, serviceKeys: ServiceKeys | undefined): Promise<string> {
  const database = { kind: "open", store, isMigrated: true } as const;
  const found = await secretKeys.run(doctorDeps({}, { database, serviceKeys }));
  return found
    .map(({ result, title, reason = "", todo }) => `${result} ${title}${reason} -> ${todo}`)
    .join("\n");
}

for (const { engine, open } of engines()) {
  test(`${engine}: the service key must open what the provider can use, and be the one of every slot`, async () => {
    await using store = await open();
    const [root, otherRoot] = [newServiceRoot(), newServiceRoot()];
    const twice = (one: Secret): Secret => new Secret(Uint8Array.from(one.reveal()));
    using right = fixedServiceKeys(twice(root));
    using other = fixedServiceKeys(twice(otherRoot));
    using both = fixedServiceKeys(twice(otherRoot), twice(root));

    assert.match(await judged(store, undefined), /^skip .*see service-key/);
    assert.match(await judged(store, right), /^skip .*there are none yet/);

    // Nobody's keys are the provider's to use: the name of the key still tells a wrong one.
    await add(store, right, "ada@alpha.test", "unlocks-at-login");
    assert.match(await judged(store, right), /^ok every password's slot .* nobody's keys/);
    assert.match(await judged(store, other), /^fail 1 of 1 slots .* that is not here .*backup/);

    await add(store, right, "bo@alpha.test", "provider-usable");
    await add(store, other, "cy@alpha.test", "provider-usable");
    assert.match(await judged(store, both), /^ok the service key opens the secret keys of 2 users/);
    assert.match(await judged(store, right), /^fail 2 of 5 slots .* that is not here/);

    // A row that somebody took the name of its key from.
    await store.db.updateTable("slots").set({ service_key: "" }).execute();
    assert.match(await judged(store, both), /^fail 5 of 5 slots .* that is not here/);
  });

  test(`${engine}: a secret key whose row was changed does not open, and its owner is named`, async () => {
    await using store = await open();
    using serviceKeys = fixedServiceKeys(newServiceRoot());
    for (const name of ["ada", "bo"]) {
      await add(store, serviceKeys, `${name}@alpha.test`, "provider-usable");
    }
    await store.db
      .updateTable("secret_keys")
      .set({ wrapped: new Uint8Array(100) })
      .where("address", "=", "bo@alpha.test")
      .execute();
    const told = await judged(store, serviceKeys);
    assert.match(
      told,
      /^fail the secret keys of 1 of 2 users .*: bo@alpha\.test -> .*rows were changed/,
    );
  });
}
