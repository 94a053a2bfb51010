import assert from "node:assert/strict";
import { test } from "node:test";

import { enrol, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { fakeClock } from "../../test/support/clock.ts";
import { engines } from "../../test/support/engines.ts";
import { opened, old, withAlice, alice } from "../../test/support/key-life.ts";
import { came } from "../../test/support/outcome.ts";
import { openTestStore } from "../../test/support/tag-keys.ts";
import { listAudit } from "../journal/journal.ts";
import { addAlias } from "../keys/alias.ts";
import { rotateKey } from "../keys/rotate.ts";
import { canonicalAddress, parseDomain } from "../mail/address.ts";
import { readStanding } from "../store/accounts/standing.ts";
import { migrate } from "../store/engine/migrate.ts";
import { findPublished } from "../store/keys/certificates.ts";
import { publishedVersion } from "../store/keys/published-version.ts";
import { openPublishedView } from "../store/keys/published-view.ts";
import type { Store, StoreOptions } from "../store/store.ts";
import { activeCertificate } from "../vault/vault.ts";
import { OTHERS, partOf, ROLLOUTS, type DomainRollout } from "../words/rollout.ts";
import { changeMembership, changeRollout } from "./rollout.ts";

const DOMAIN = parseDomain("alpha.test") ?? assert.fail();
const other = addressOf("other@beta.test");

test("what a user takes part in, by the step of their domain and what they said", () => {
  const rows = ROLLOUTS.flatMap((rollout) =>
    OTHERS.flatMap((others) =>
      ([undefined, "joined", "left"] as const).map((said) => {
        return [rollout, others, said, partOf({ rollout, others }, said)] as const;
      }),
    ),
  );
  const parts = (rollout: string, said: string | undefined) => [
    ...new Set(rows.filter((row) => row[0] === rollout && row[2] === said).map((row) => row[3])),
  ];
  for (const said of [undefined, "joined", "left"]) {
    assert.deepEqual(parts("off", said), ["none"]);
    assert.deepEqual(parts("receive-only", said), ["receives"]);
  }
  assert.deepEqual(parts("opt-in", "joined"), ["full"]);
  assert.deepEqual(parts("opt-in", undefined), ["receives", "none"]);
  assert.deepEqual(parts("opt-in", "left"), ["receives", "none"]);
  assert.deepEqual(parts("default-on", undefined), ["full"]);
  assert.deepEqual(parts("default-on", "left"), ["receives"]);
});

/** Whether the world finds the certificate of an address: by the address, its directory name and its fingerprint. */
async function isFound(place: StoreOptions, store: Store, address = alice): Promise<boolean> {
  await using view = openPublishedView(place);
  const published = await findPublished(store, address);
  assert(published);
  const found = [
    await view.byAddress(canonicalAddress(address)),
    await view.byId(published.fingerprint),
  ].map((rows) => rows.length === 1);
  assert.equal(new Set(found).size, 1, "found in each way, or in none");
  return found[0] === true;
}

/** A database that a keyserver may look into beside the store. */
async function migrated(place: StoreOptions): Promise<Store> {
  const store = await openTestStore(place);
  await migrate(store);
  return store;
}

for (const { engine, place } of engines()) {
  test(`${engine}: going back hides certificates and revokes none, going forward shows them again`, async () => {
    const shared = await place();
    await using store = await migrated(shared);
    const { deps, first } = await withAlice(store);
    await enrol(deps, { address: other, custody: "provider-usable", profile: "compat" });
    const steps: readonly (readonly [DomainRollout, boolean])[] = [
      [{ rollout: "off", others: "receive-only" }, false],
      [{ rollout: "receive-only", others: "receive-only" }, true],
      [{ rollout: "opt-in", others: "off" }, false],
      [{ rollout: "opt-in", others: "receive-only" }, true],
      [{ rollout: "off", others: "off" }, false],
      [{ rollout: "default-on", others: "off" }, true],
    ];
    let was = true;
    for (const [step, isShown] of steps) {
      const before = await publishedVersion(store);
      const done = await changeRollout(deps, DOMAIN, step);
      assert.deepEqual(done, { kind: "changed", certificates: was === isShown ? 0 : 1 });
      assert.equal((await publishedVersion(store)) > before, was !== isShown);
      assert.equal(await isFound(shared, store), isShown, JSON.stringify(step));
      assert.equal((await activeCertificate(deps, alice)) !== undefined, isShown);
      const published = await findPublished(store, alice);
      assert.deepEqual([published?.fingerprint, published?.state], [first, "active"]);
      assert(await isFound(shared, store, other), "another domain is left alone");
      was = isShown;
    }
    const again = await changeRollout(deps, DOMAIN, { rollout: "default-on", others: "off" });
    assert.deepEqual(again, { kind: "unchanged", certificates: 0 });
  });

  test(`${engine}: a user who joins is found, and what they publish later follows what they said`, async () => {
    const shared = await place();
    await using store = await migrated(shared);
    const { deps } = await withAlice(store);
    const account = idOf(alice);
    const part = async () => (await readStanding(store, account))?.addresses[0]?.part;
    await changeRollout(deps, DOMAIN, { rollout: "opt-in", others: "off" });
    assert.equal(await part(), "none");
    using masterKey = await opened(deps, old());
    const wish = { address: alice, reason: "superseded", text: "" } as const;
    await came(rotateKey(deps, deps.keyRules, masterKey, wish), "rotated");
    assert.equal(await isFound(shared, store), false, "a new key of somebody who did not join");
    assert.equal((await changeMembership(deps, account, "joined")).kind, "changed");
    assert.equal((await changeMembership(deps, account, "joined")).kind, "unchanged");
    assert.equal(await part(), "full");
    assert.equal(await isFound(shared, store), true);
    const alias = addressOf("al@alpha.test");
    await came(addAlias(deps, deps.keyRules, account, alias, masterKey), "added");
    assert.equal(await isFound(shared, store, alias), true);
    await changeMembership(deps, account, "left");
    assert.equal(await isFound(shared, store, alias), false);
    await changeRollout(deps, DOMAIN, { rollout: "default-on", others: "off" });
    assert.equal(await part(), "receives");
    assert.equal(await isFound(shared, store), true);
    const entries = await Array.fromAsync(listAudit(store));
    assert.deepEqual(
      entries
        .filter(({ action }) => action.includes("rollout"))
        .map(({ action, detail }) => [action, detail["from"], detail["to"]]),
      [
        ["domain.rollout", "default-on", "opt-in"],
        ["rollout.changed", "inherit", "joined"],
        ["rollout.changed", "joined", "left"],
        ["domain.rollout", "opt-in", "default-on"],
      ],
    );
  });
  test(`${engine}: nothing is noted of an account that is gone`, async () => {
    const shared = await place();
    await using store = await migrated(shared);
    const deps = { store, clock: fakeClock() };
    const change = await changeMembership(deps, idOf(alice), "joined");
    assert.equal(change.kind, "no-account");
    assert.deepEqual(await Array.fromAsync(listAudit(store)), []);
  });
}
