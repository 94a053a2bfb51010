import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import { inspect } from "node:util";

import { idOf } from "../../test/support/accounts.ts";
import { engines } from "../../test/support/engines.ts";
import { came } from "../../test/support/outcome.ts";
import { fixedServiceKeys } from "../../test/support/service-keys.ts";
import { alice, bob, depsFor, passwordOf, addUser } from "../../test/support/two-users.ts";
import { Secret } from "../base/secret.ts";
import { DAY } from "../base/time.ts";
import { listAudit } from "../journal/journal.ts";
import { verifyAudit } from "../journal/verify-audit.ts";
import { createKeys } from "../keys/create.ts";
import { releaseGenericRevocation } from "../keys/generic-revocation.ts";
import { revocationOf } from "../openpgp/certificates/acceptance.ts";
import { parseCertificates } from "../openpgp/certificates/certificate.ts";
import { applyRevocation } from "../openpgp/keys/revocation.ts";
import { insertAccount } from "../store/accounts/accounts.ts";
import { findById, findPublished } from "../store/keys/certificates.ts";
import type { Store } from "../store/store.ts";
import { newServiceRoot } from "./service-key.ts";
import { activeCertificate, unlockWithPassword, unlockWithService } from "./vault.ts";
import { unwrap } from "./wrap.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: a new key is published at once and opens with the password alone`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const certificate = await addUser(deps, alice);
    const published = await findPublished(store, alice);
    assert.equal(published?.fingerprint, certificate.fingerprint);
    assert.deepEqual(Buffer.from(published.bytes), Buffer.from(certificate.bytes));
    assert.equal((await activeCertificate(deps, alice))?.fingerprint, certificate.fingerprint);
    for (const subkey of certificate.subkeyFingerprints) {
      assert.equal((await findById(store, subkey)).length, 1);
    }
    using keys = await unlockWithPassword(deps, idOf(alice), passwordOf(alice));
    assert.equal(keys?.active?.fingerprint, certificate.fingerprint);
    assert.equal(keys.all.length, 1);
    assert.deepEqual(keys.refused, []);
    assert.equal(
      await unlockWithPassword(deps, idOf(alice), Secret.fromText("another")),
      undefined,
    );
    assert.equal(await unlockWithPassword(deps, idOf(bob), passwordOf(alice)), undefined);
    assert.equal(await unlockWithService(deps, idOf(alice)), undefined);
    assert.deepEqual(
      (await Array.fromAsync(listAudit(store, idOf(alice)))).map((one) => one.action),
      ["key.created"],
    );
    assert.equal((await verifyAudit(store)).kind, "intact");
  });

  test(`${engine}: with custody provider-usable the service opens the key as well, with its own service key only`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const certificate = await addUser(deps, alice, "provider-usable");
    using byService = await unlockWithService(deps, idOf(alice));
    assert.equal(byService?.active?.fingerprint, certificate.fingerprint);
    using byPassword = await unlockWithPassword(deps, idOf(alice), passwordOf(alice));
    assert.equal(byPassword?.active?.fingerprint, certificate.fingerprint);
    const stranger = { ...deps, serviceKeys: fixedServiceKeys(newServiceRoot()) };
    assert.equal(await unlockWithService(stranger, idOf(alice)), undefined);
  });

  test(`${engine}: an account gets its first key once, and a failed creation leaves nothing`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const certificate = await addUser(deps, alice);
    const again = {
      owner: idOf(alice),
      address: alice,
      custody: "unlocks-at-login",
      profile: "compat",
    } as const;
    await assert.rejects(createKeys(deps, { ...again, password: passwordOf(alice) }));
    for (const table of [
      "master_keys",
      "slots",
      "secret_keys",
      "generic_revocations",
      "audit",
    ] as const) {
      const { length } = await store.db.selectFrom(table).selectAll().execute();
      assert.equal(length, 1, table);
    }
    assert.equal((await findPublished(store, alice))?.fingerprint, certificate.fingerprint);
    await assert.rejects(
      createKeys(deps, {
        ...again,
        owner: idOf(bob),
        address: bob,
        custody: "user-device-only",
        password: passwordOf(bob),
      }),
      /own device/,
    );
  });

  test(`${engine}: an expired certificate is neither active nor used to sign, but its key still opens`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await addUser(deps, alice);
    deps.clock.advance(4 * 365 * DAY);
    assert.equal(await activeCertificate(deps, alice), undefined);
    using keys = await unlockWithPassword(deps, idOf(alice), passwordOf(alice));
    assert.equal(keys?.active, undefined);
    assert.equal(keys?.all.length, 1);
  });

  test(`${engine}: the generic revocation is released to its owner, with an audit row, and ends the key`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    const certificate = await addUser(deps, alice);
    await addUser(deps, bob);
    const { fingerprint } = certificate;
    await assert.rejects(releaseGenericRevocation(deps, idOf(bob), fingerprint), /can be trusted/);
    const revocation = await releaseGenericRevocation(deps, idOf(alice), fingerprint);
    const revoked = await applyRevocation(certificate, revocation);
    assert(revoked);
    assert.equal((await revocationOf(revoked)).kind, "hard");
    const actions = (await Array.fromAsync(listAudit(store, idOf(alice)))).map((one) => one.action);
    assert.deepEqual(actions, ["key.created", "revocation.released"]);
    await store.db
      .updateTable("generic_revocations")
      .set({ owner: idOf(bob) })
      .execute();
    await assert.rejects(releaseGenericRevocation(deps, idOf(bob), fingerprint), /can be trusted/);
  });

  test(`${engine}: nothing that the database holds opens a slot or shows a part of a secret key`, async () => {
    await using store = await open();
    const deps = depsFor(store);
    await addUser(deps, alice);
    await addUser(deps, bob, "provider-usable");
    const dump = Buffer.concat(await allBytes(store));
    const candidates = await everyKey(store);
    for (const row of await store.db.selectFrom("slots").selectAll().execute()) {
      for (const key of candidates) {
        const context = ["slot", row.kind === "service" ? "bob@alpha.test" : "alice@alpha.test"];
        const made = [row.master_key, row.id, row.kind, String(row.version), row.kdf];
        const bound = [...context, ...made, String(row.generation)];
        assert.equal(unwrap(key, row.wrapped, bound), undefined);
        assert.equal(unwrap(key, row.wrapped, ["outer", ...bound]), undefined);
      }
    }
    using keys = await unlockWithPassword(deps, idOf(alice), passwordOf(alice));
    using raw = keys?.active?.secretBytes();
    assert(raw && keys?.active);
    const isPublic = Buffer.from(keys.active.certificate.bytes);
    const secret = Buffer.from(raw.reveal());
    for (let at = 0; at + 16 <= secret.length; at += 1) {
      const window = secret.subarray(at, at + 16);
      if (!isPublic.includes(window)) assert(!dump.includes(window), `bytes at ${at}`);
    }
    for (const purpose of ["slots", "login", "revocations"] as const) {
      using key = deps.serviceKeys.current.for(purpose);
      assert(!dump.includes(Buffer.from(key.reveal())), purpose);
    }
    assert(!dump.includes(Buffer.from(passwordOf(alice).reveal())));
  });
}

test("open keys print as a secret and are wiped together", async () => {
  const [sqlite] = engines();
  assert(sqlite);
  await using store = await sqlite.open();
  const deps = depsFor(store);
  await addUser(deps, alice);
  const keys = await unlockWithPassword(deps, idOf(alice), passwordOf(alice));
  assert(keys?.active);
  const { active } = keys;
  assert.equal(JSON.stringify({ keys }), '{"keys":"[secret]"}');
  assert.equal(inspect({ keys }), "{ keys: [secret] }");
  keys[Symbol.dispose]();
  assert.throws(() => active.secretBytes(), /wiped/);
});

test("the modern profile is created, stored and opened the same way", async () => {
  const [sqlite] = engines();
  assert(sqlite);
  await using store = await sqlite.open();
  const deps = depsFor(store);
  const account = {
    id: idOf(alice),
    address: alice,
    custody: "unlocks-at-login",
    policy: undefined,
    createdAt: deps.clock.now(),
    mailboxKey: "same",
  } as const;
  await insertAccount(store, account);
  const password = passwordOf(alice);
  const { certificate: made } = await came(
    createKeys(deps, {
      owner: idOf(alice),
      address: alice,
      custody: "unlocks-at-login",
      password,
      profile: "modern",
    }),
    "created",
  );
  assert.equal(made.version, 6);
  using keys = await unlockWithPassword(deps, idOf(alice), passwordOf(alice));
  assert.equal(keys?.active?.fingerprint, made.fingerprint);
  const parsed = await parseCertificates(
    (await findPublished(store, alice))?.bytes ?? new Uint8Array(),
  );
  assert.equal(parsed.kind, "parsed");
});

/** Each stored value of 32 bytes as a key, and the hash of each other one. */
async function everyKey(store: Store): Promise<readonly Secret[]> {
  return (await allBytes(store)).map(
    (value) =>
      new Secret(value.length === 32 ? value : createHash("sha256").update(value).digest()),
  );
}

/** Every value of every table, as bytes. */
async function allBytes(store: Store): Promise<readonly Buffer[]> {
  const tables = await store.db.introspection.getTables();
  const rows = await Promise.all(
    tables.map(async ({ name }) =>
      store.db
        .selectFrom(name as "slots")
        .selectAll()
        .execute(),
    ),
  );
  return rows
    .flat()
    .flatMap((row) => Object.values(row))
    .map((value) =>
      value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value)),
    );
}
