/** The service key is lost: whose keys it alone opened gets new ones, and nobody makes use of saying that it is lost. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Secret } from "../../src/base/secret.ts";
import { appendAudit, listAudit } from "../../src/journal/journal.ts";
import { unservedSince } from "../../src/keys/revoke-active.ts";
import { revokeKey } from "../../src/keys/revoke.ts";
import { fixedServiceKeys } from "../support/service-keys.ts";
import { beginTags, holdAuditKeys } from "../../src/vault/tag-keys.ts";
import { unlockWithPassword } from "../../src/vault/vault.ts";
import { resetPassword } from "../../src/login/recover.ts";
import { findById, findPublished } from "../../src/store/keys/certificates.ts";
import type { Store } from "../../src/store/store.ts";
import { engines } from "../support/engines.ts";
import { alice, depsFor, fresh, old, type Deps } from "../support/key-life.ts";
import { enrol, idOf } from "../support/accounts.ts";
import { came } from "../support/outcome.ts";

/** A process that holds the service key of this byte; `isLost`: an operator said that the former one is lost. */
async function hostOf(store: Store, byte: number, isLost = false): Promise<Deps> {
  const serviceKeys = fixedServiceKeys(new Secret(Buffer.alloc(32, byte)));
  holdAuditKeys(store, serviceKeys, isLost);
  const deps = { ...depsFor(store), serviceKeys };
  await beginTags(store, deps.clock.now());
  return deps;
}

const NO_OCTETS = { wrapped: new Uint8Array() };
/** How a revocation can be emptied: the second looks like that of a key on its owner's device. */
const EMPTIED = [NO_OCTETS, { ...NO_OCTETS, service_key: "" }];

const revoking = {
  owner: idOf(alice),
  address: alice,
  masterKey: undefined,
  reason: "withdrawn",
} as const;

async function releasedFrom(store: Store) {
  const entries = await Array.fromAsync(listAudit(store));
  return entries.filter(({ action }) => action === "revocation.released");
}

/** The fingerprint of the key that alice gets, whom the provider can read for. */
async function enrolled(store: Store, deps: Deps) {
  const wish = { address: alice, custody: "provider-usable", profile: "compat" } as const;
  const { certificate } = await enrol(deps, { ...wish, password: old() });
  assert(certificate);
  assert.equal((await findPublished(store, alice))?.fingerprint, certificate.fingerprint);
  return certificate.fingerprint;
}

for (const { engine, open } of engines()) {
  test(`${engine}: a reset after the loss of the service key gives new keys; the old certificate is served no longer`, async () => {
    await using store = await open();
    const lost = await enrolled(store, await hostOf(store, 1));
    const deps = await hostOf(store, 2, true);
    const { keys } = await came(resetPassword(deps, idOf(alice), fresh()), "recovered");
    assert.equal(keys, "new");
    const published = await findPublished(store, alice);
    assert(published && published.fingerprint !== lost);
    assert.deepEqual(await unservedSince(store, 0), [lost]);
    assert.deepEqual(await findById(store, lost), []);
    using unlocked = await unlockWithPassword(deps, idOf(alice), fresh());
    assert(unlocked);
    const released = await releasedFrom(store);
    assert.equal(released.length, 1, "it is counted as releases are");
    assert.deepEqual(released[0]?.detail, { fingerprint: lost, by: "none" });
  });

  test(`${engine}: while nobody says that the service key is lost, a key whose revocation does not open is not ended`, async () => {
    await using store = await open();
    const first = await enrolled(store, await hostOf(store, 1));
    await hostOf(store, 2, true);
    const deps = await hostOf(store, 2);
    await assert.rejects(
      resetPassword(deps, idOf(alice), fresh()),
      /no generic revocation of this key/,
    );
    assert.equal((await findPublished(store, alice))?.fingerprint, first);
  });

  test(`${engine}: a revocation that was altered under a service key that is here is not called lost`, async () => {
    await using store = await open();
    const deps = await hostOf(store, 1, true);
    const first = await enrolled(store, deps);
    await store.db
      .updateTable("generic_revocations")
      .set({ wrapped: new Uint8Array(64) })
      .execute();
    const whose = { owner: idOf(alice), address: alice, masterKey: undefined };
    await assert.rejects(
      revokeKey(deps, { ...whose, reason: "withdrawn", text: "" }),
      /no generic revocation of this key/,
    );
    assert.equal((await findPublished(store, alice))?.fingerprint, first);
  });

  for (const emptied of EMPTIED) {
    const named =
      "service_key" in emptied ? "and names no service key" : "and names its service key";
    test(`${engine}: a revocation that was emptied ${named} ends no key uncounted`, async () => {
      await using store = await open();
      const deps = await hostOf(store, 1);
      const first = await enrolled(store, deps);
      await store.db.updateTable("generic_revocations").set(emptied).execute();
      const ending = revokeKey(deps, { ...revoking, text: "" });
      await assert.rejects(ending, /no generic revocation of this key/);
      assert.equal((await findPublished(store, alice))?.fingerprint, first);
      const { by } = await came(
        revokeKey(await hostOf(store, 2, true), { ...revoking, text: "" }),
        "revoked",
      );
      assert.equal(by, "none");
      const details = (await releasedFrom(store)).map(({ detail }) => detail);
      assert.deepEqual(details, [{ fingerprint: first, by: "none" }]);
    });
  }

  test(`${engine}: a revocation whose row names another service key than the one that opens it is not called lost`, async () => {
    await using store = await open();
    const deps = await hostOf(store, 1, true);
    const first = await enrolled(store, deps);
    await store.db.updateTable("generic_revocations").set({ service_key: "00" }).execute();
    const whose = { owner: idOf(alice), address: alice, masterKey: undefined };
    await assert.rejects(
      revokeKey(deps, { ...whose, reason: "withdrawn", text: "" }),
      /no generic revocation of this key/,
    );
    assert.equal((await findPublished(store, alice))?.fingerprint, first);
  });

  test(`${engine}: a host whose service key is not the one in force calls nothing lost`, async () => {
    await using store = await open();
    const first = await enrolled(store, await hostOf(store, 1));
    const deps = await hostOf(store, 2, true);
    const detail = { serviceKey: (await hostOf(store, 1)).serviceKeys.current.id };
    await appendAudit(store, { at: deps.clock.now(), action: "service-key.rotated", detail });
    await hostOf(store, 2, true);
    await assert.rejects(
      resetPassword(deps, idOf(alice), fresh()),
      /no generic revocation of this key/,
    );
    assert.equal((await findPublished(store, alice))?.fingerprint, first);
  });
}
