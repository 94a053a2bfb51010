/** Closed and erased accounts: nothing new is published for them, and nobody else gets their addresses. */
import assert from "node:assert/strict";
import { AsyncResource } from "node:async_hooks";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { enrol, idOf } from "../../test/support/accounts.ts";
import { addressOf } from "../../test/support/address.ts";
import { engines } from "../../test/support/engines.ts";
import {
  active,
  alias,
  alice,
  fresh,
  old,
  opened,
  withAlice,
} from "../../test/support/key-life.ts";
import { came } from "../../test/support/outcome.ts";
import { mailboxRow } from "../../test/support/store-calls/mailbox.ts";
import { findAccount } from "../accounts/accounts.ts";
import { DAY } from "../base/time.ts";
import { openBlobs } from "../blobs/blobs.ts";
import { fileOf } from "../blobs/body-files.ts";
import { resetPassword } from "../login/recover.ts";
import { generateKey } from "../openpgp/keys/generate.ts";
import { forgetReleased } from "../store/accounts/addresses.ts";
import { holdAuditEnd } from "../store/journal/audit-ends.ts";
import { findById } from "../store/keys/certificates.ts";
import { serveAgain } from "../store/keys/publish.ts";
import { publishedVersion } from "../store/keys/published-version.ts";
import { insertMailboxMessage } from "../store/mailbox/messages.ts";
import { addAlias, removeAlias } from "./alias.ts";
import { closeAccount, eraseByLaw, purgeClosedAccounts, reopenAccount } from "./end-account.ts";
import { publishOwnCertificate } from "./import-key.ts";
import { renameAccount } from "./rename.ts";
import { rotateKey } from "./rotate.ts";

const bob = addressOf("bob@alpha.test");
/** Runs what another process does, outside of the transaction that is open here. */
const outside = AsyncResource.bind(async (work: () => Promise<void>) => work());

for (const { engine, open } of engines()) {
  test(`${engine}: a closed account gets no key until it is open again, and is closed once`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    await came(closeAccount(deps, idOf(alice), undefined), "closed");
    const rotation = { address: alice, reason: "superseded", text: "" } as const;
    using masterKey = await opened(deps, old());
    const closed = { kind: "account-closed" };
    assert.deepEqual(await rotateKey(deps, deps.keyRules, masterKey, rotation), closed);
    assert.deepEqual(await resetPassword(deps, idOf(alice), fresh()), closed);
    assert.deepEqual(await closeAccount(deps, idOf(alice), undefined), closed);
    assert.equal(await active(store), undefined);
    await came(reopenAccount(deps, idOf(alice)), "reopened");
    await came(rotateKey(deps, deps.keyRules, masterKey, rotation), "rotated");
    assert.notEqual(await active(store), undefined);
  });

  test(`${engine}: an account that is opened while the closed ones are deleted stays`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const wanted = { custody: "unlocks-at-login", profile: "compat", password: old() } as const;
    await enrol(deps, { ...wanted, address: addressOf("a@alpha.test") });
    await came(closeAccount(deps, idOf(addressOf("a@alpha.test")), undefined), "closed");
    await came(closeAccount(deps, idOf(alice), undefined), "closed");
    deps.clock.advance(31 * DAY);
    let isFirst = true;
    const bound = new Proxy(store, {
      get: (target, name) => {
        const value: unknown = Reflect.get(target, name, target);
        if (typeof value !== "function") return value;
        if (name !== "transaction") return value.bind(target) as unknown;
        return async (work: Parameters<typeof store.transaction>[0]) => {
          const done = await target.transaction(work);
          if (isFirst) {
            isFirst = false;
            await came(reopenAccount(deps, idOf(alice)), "reopened");
          }
          return done;
        };
      },
    });
    await assert.rejects(purgeClosedAccounts({ ...deps, store: bound }), /at the same time/);
    assert.equal(await findAccount(store, addressOf("a@alpha.test")), undefined);
    assert.notEqual(await findAccount(store, alice), undefined);
  });

  test(`${engine}: an erased address is nobody's alias or new name for thirty days`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const wanted = { custody: "unlocks-at-login", profile: "compat", password: old() } as const;
    await enrol(deps, { ...wanted, address: bob });
    await came(eraseByLaw(deps, idOf(bob)), "erased");
    const alias = await addAlias(deps, deps.keyRules, idOf(alice), bob, undefined);
    assert.equal(alias.kind, "address-reserved");
    using masterKey = await opened(deps, old());
    const renaming = await renameAccount(deps, deps.keyRules, masterKey.owner, bob, masterKey);
    assert.equal(renaming.kind, "address-reserved");
  });

  test(`${engine}: an erasure deletes the account's bodies in a folder, and nobody else's`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    const wanted = { custody: "unlocks-at-login", profile: "compat", password: old() } as const;
    await enrol(deps, { ...wanted, address: bob });
    const folder = await mkdtemp(join(tmpdir(), "sealpost-erased-"));
    try {
      const blobs = openBlobs(deps, { bodies: "folder", bodiesFolder: folder });
      const files = [];
      for (const owner of [idOf(alice), idOf(bob)]) {
        const blob = await blobs.put(randomBytes(10));
        await insertMailboxMessage(store, owner, { ...mailboxRow(owner), blob });
        files.push(fileOf(folder, blob.id));
      }
      await came(eraseByLaw({ ...deps, removeBlobs: blobs.remove }, idOf(alice)), "erased");
      assert.deepEqual(files.map(existsSync), [false, true]);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  test(`${engine}: erasure takes the certificates of released addresses, too`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    {
      using masterKey = await opened(deps, old());
      await came(addAlias(deps, deps.keyRules, idOf(alice), alias, masterKey), "added");
    }
    const given = await active(store, alias);
    assert(given);
    await came(removeAlias(deps, idOf(alice), alias, undefined), "released");
    await came(eraseByLaw(deps, idOf(alice)), "erased");
    assert.deepEqual(await findById(store, given), []);
    assert.deepEqual(
      await store.db.selectFrom("generic_revocations").select("owner").execute(),
      [],
    );
  });

  test(`${engine}: nobody signs on for an address with a key that nobody revoked, once it is somebody else's`, async () => {
    await using store = await open();
    const { deps, first } = await withAlice(store);
    const now = deps.clock.now();
    const { certificate } = await generateKey({ address: alice, profile: "compat", now });
    const brought = { owner: idOf(alice), address: alice, certificate, masterKey: undefined };
    await came(publishOwnCertificate(deps, { ...brought, revocation: undefined }), "imported");
    await came(closeAccount(deps, idOf(alice), undefined), "closed");
    deps.clock.advance(31 * DAY);
    assert.equal(await purgeClosedAccounts(deps), 1);
    deps.clock.advance(31 * DAY);
    assert.deepEqual(await findById(store, certificate.fingerprint), []);
    // As it was in databases of before: whose key ended so was served on.
    await serveAgain(store, certificate.fingerprint, certificate.subkeyFingerprints);
    const version = await publishedVersion(store);
    const wanted = { custody: "unlocks-at-login", profile: "compat", password: old() } as const;
    await enrol(deps, { ...wanted, address: alice, key: "later" });
    assert.deepEqual(await findById(store, certificate.fingerprint), []);
    assert.equal((await findById(store, first)).length, 1);
    assert(version < (await publishedVersion(store)));
  });

  test(`${engine}: whoever takes an address and the deletion of the account that released it let each other end`, async () => {
    await using store = await open();
    const { deps } = await withAlice(store);
    await came(addAlias(deps, deps.keyRules, idOf(alice), alias, undefined), "added");
    await came(removeAlias(deps, idOf(alice), alias, undefined), "released");
    await came(closeAccount(deps, idOf(alice), undefined), "closed");
    deps.clock.advance(31 * DAY);
    let deleting: Promise<void> | undefined;
    await store.transaction(async (tx) => {
      // As whoever takes an address: first the end of the shard, then the row.
      await holdAuditEnd(tx, idOf(alice));
      deleting = outside(async () => {
        await purgeClosedAccounts(deps);
      });
      await setTimeout(500);
      await forgetReleased(tx, alias);
    });
    await deleting;
    assert.equal(await findAccount(store, alice), undefined);
  });
}
