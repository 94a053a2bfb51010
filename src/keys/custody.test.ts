/** Two changes of custody at once. */
import assert from "node:assert/strict";
import { test } from "node:test";

import { idOf } from "../../test/support/accounts.ts";
import { engines } from "../../test/support/engines.ts";
import { actions, alice, depsFor, enrolAlice, old } from "../../test/support/key-life.ts";
import { findPublished, listPublished } from "../store/keys/certificates.ts";
import { listMasterKeys } from "../store/keys/vault.ts";
import { unlockWithPassword } from "../vault/vault.ts";
import { createServerKeys } from "./custody.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: of two changes of custody at once on an account without keys here one has a result`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await enrolAlice(deps, { custody: "user-device-only", password: old() });
    const results = await Promise.all(
      [1, 2, 3].map(async () =>
        createServerKeys(deps, deps.keyRules, idOf(alice), {
          password: old(),
          withRecoveryCode: true,
        }),
      ),
    );
    const kinds = results.map(({ kind }) => kind).toSorted();
    assert.deepEqual(kinds, ["keys-here-already", "keys-here-already", "renewed"]);
    const made = results.find((one) => one.kind === "renewed");
    // The key and the recovery code that somebody was told are those that hold.
    const fingerprint = made?.certificate?.fingerprint;
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
    const again = await createServerKeys(deps, deps.keyRules, idOf(alice), rest);
    assert.equal(again.kind, "keys-here-already");
  });
}
