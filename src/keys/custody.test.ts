/** Two changes of custody at once. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { findPublished, listPublished } from "../store/keys/certificates.ts";
import { listMasterKeys } from "../store/keys/vault.ts";
import { engines } from "../../test/support/engines.ts";
import { actions, alice, depsFor, enrolAlice, old } from "../../test/support/key-life.ts";
import { keepHereFirst } from "./custody.ts";
import { KeysHereAlready } from "./replace-master-key.ts";
import { unlockWithPassword } from "../vault/vault.ts";
import { idOf } from "../../test/support/accounts.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: of two changes of custody at once on an account without keys here one has a result`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await enrolAlice(deps, { custody: "user-device-only", password: old() });
    const results = await Promise.allSettled(
      [1, 2, 3].map(async () =>
        keepHereFirst(deps, deps.keyRules, idOf(alice), {
          password: old(),
          withRecoveryCode: true,
        }),
      ),
    );
    const made = results.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
    assert.equal(made.length, 1, JSON.stringify(results.map(({ status }) => status)));
    for (const result of results) {
      if (result.status === "rejected") assert(result.reason instanceof KeysHereAlready);
    }
    // The key and the recovery code that somebody was told are those that hold.
    const fingerprint = made[0]?.certificate?.fingerprint;
    assert.equal((await findPublished(store, alice))?.fingerprint, fingerprint);
    assert.equal((await listPublished(store, alice)).length, 1);
    assert.equal((await listMasterKeys(store, idOf(alice), "current")).length, 1);
    assert.deepEqual(await listMasterKeys(store, idOf(alice), "former"), []);
    const ended = (await actions(store)).filter((action) => action === "custody.ended");
    assert.equal(ended.length, 1);
    using keys = await unlockWithPassword(deps, idOf(alice), old());
    assert.equal(keys?.active?.fingerprint, fingerprint);
  });

  test(`${engine}: first keys are not made where there are some`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await enrolAlice(deps, { password: old() });
    const rest = { password: old(), withRecoveryCode: false };
    await assert.rejects(keepHereFirst(deps, deps.keyRules, idOf(alice), rest), KeysHereAlready);
  });
}
