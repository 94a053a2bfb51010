/** Rows that somebody who can write to the database has moved or edited: what they wrap stays closed. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";

import { idOf } from "../../test/support/accounts.ts";
import { engines } from "../../test/support/engines.ts";
import { alice, bob, depsFor, passwordOf, addUser } from "../../test/support/two-users.ts";
import { DAY } from "../base/time.ts";
import { listAudit } from "../journal/journal.ts";
import { verifyAudit } from "../journal/verify-audit.ts";
import { type EmailAddress } from "../mail/address.ts";
import { unlockWithPassword, unlockWithService } from "./vault.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: wrapped rows that were swapped between users do not open`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const [hers, his] = [
      await addUser(deps, alice, "provider-usable"),
      await addUser(deps, bob, "provider-usable"),
    ];
    // Bob's slots and keys become Alice's, rows and all, as somebody who can write to the database would do it.
    await store.db
      .updateTable("master_keys")
      .set({ state: "stolen" })
      .where("owner", "=", idOf(alice))
      .execute();
    await store.db
      .updateTable("master_keys")
      .set({ owner: idOf(alice) })
      .where("owner", "=", idOf(bob))
      .execute();
    assert.equal(await unlockWithService(deps, idOf(alice)), undefined);
    assert.equal(await unlockWithPassword(deps, idOf(alice), passwordOf(bob)), undefined);
    assert.equal(await unlockWithPassword(deps, idOf(alice), passwordOf(alice)), undefined);
    assert.notEqual(hers.fingerprint, his.fingerprint);
  });

  test(`${engine}: a secret key moved under another user's master key stays closed, and the audit log says so`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const hers = await addUser(deps, alice);
    const his = await addUser(deps, bob);
    const row = await store.db
      .selectFrom("secret_keys")
      .select("master_key")
      .where("fingerprint", "=", his.fingerprint)
      .executeTakeFirstOrThrow();
    await store.db
      .updateTable("secret_keys")
      .set({ master_key: row.master_key })
      .where("fingerprint", "=", hers.fingerprint)
      .execute();
    using keys = await unlockWithPassword(deps, idOf(bob), passwordOf(bob));
    assert.deepEqual(keys?.refused, [hers.fingerprint]);
    assert.deepEqual(
      keys.all.map((key) => key.fingerprint),
      [his.fingerprint],
    );
    const actions = (await Array.fromAsync(listAudit(store, idOf(bob)))).map((one) => one.action);
    assert.deepEqual(actions, ["key.created", "key.refused"]);
  });

  test(`${engine}: a key that stays closed is in the audit log once, however often and by how many at once it is tried`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const { fingerprint } = await addUser(deps, alice, "provider-usable");
    const his = await addUser(deps, bob, "provider-usable");
    await store.db
      .updateTable("secret_keys")
      .set({ wrapped: Buffer.alloc(200) })
      .execute();
    const refuse = async (address: EmailAddress): Promise<void> => {
      using keys = await unlockWithService(deps, idOf(address));
      assert.equal(keys?.refused.length, 1);
    };
    await Promise.all([alice, alice, alice, bob].map(refuse));
    deps.clock.advance(DAY);
    await refuse(alice);
    const refused = async (address: EmailAddress) =>
      (await Array.fromAsync(listAudit(store, idOf(address))))
        .filter(({ action }) => action === "key.refused")
        .map(({ detail }) => detail["fingerprint"]);
    assert.deepEqual(await refused(alice), [fingerprint]);
    assert.deepEqual(await refused(bob), [his.fingerprint]);
    assert.equal((await verifyAudit(store)).kind, "intact");
  });

  for (const change of [
    { version: 2 },
    { address: "mallory@alpha.test" },
    { wrapped: Buffer.alloc(200) },
    { wrapped: Buffer.alloc(3) },
  ]) {
    test(`${engine}: a secret key whose row was edited stays closed: ${inspect(Object.keys(change))}, ${Object.values(change).join().length}`, async () => {
      await using store = await open();
      const deps = depsFor(store);
      const certificate = await addUser(deps, alice, "provider-usable");
      await store.db.updateTable("secret_keys").set(change).execute();
      using keys = await unlockWithService(deps, idOf(alice));
      assert.equal(keys?.active, undefined);
      assert.deepEqual(keys?.refused, [certificate.fingerprint]);
    });
  }

  for (const change of [
    { version: 3 },
    { kind: "password" as const },
    { kdf: "none" },
    { id: "another" },
    { wrapped: Buffer.alloc(60) },
  ]) {
    test(`${engine}: a slot whose row was edited does not open: ${Object.keys(change).join()}`, async () => {
      await using store = await open();
      const deps = depsFor(store);
      await addUser(deps, alice, "provider-usable");
      await store.db.updateTable("slots").set(change).where("kind", "=", "service").execute();
      assert.equal(await unlockWithService(deps, idOf(alice)), undefined);
    });
  }
}
