import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";

import { engines } from "../../test/support/engines.ts";
import { depsFor } from "../../test/support/key-life.ts";
import { fixedServiceKeys } from "../../test/support/service-keys.ts";
import { openServiceKeys, replaceServiceKey } from "../app/service-key-file.ts";
import { MINUTE } from "../base/time.ts";
import { listAudit } from "../journal/journal.ts";
import { noteServiceKeyUser } from "../store/keys/service-key-users.ts";
import type { Store } from "../store/store.ts";
import {
  checkServiceKey,
  compareServiceKey,
  otherUsers,
  rotateServiceKey,
} from "./service-key-log.ts";
import { newServiceRoot } from "./service-key.ts";

/** Two hosts with one database; `near` has the next key, `far` still the one before. */
function hosts(store: Store) {
  const deps = depsFor(store);
  const [root, next] = [newServiceRoot(), newServiceRoot()];
  const far = { ...deps, serviceKeys: fixedServiceKeys(root.clone()) };
  const near = { ...deps, serviceKeys: fixedServiceKeys(next.clone(), root.clone()) };
  const ids = { from: far.serviceKeys.current.id, to: near.serviceKeys.current.id };
  return { deps, far, near, ids };
}

for (const { engine, open } of engines()) {
  test(`${engine}: a service key is replaced only after the intention is in the audit log`, async () => {
    await using store = await open();
    const { near, ids } = hosts(store);
    let seen: readonly string[] = [];
    await store.db.schema.alterTable("audit_ends").renameTo("audit_ends_away").execute();
    const refuse = (): void => assert.fail("replaced without a row");
    await assert.rejects(rotateServiceKey(near, ids, refuse), /audit_ends/);
    await store.db.schema.alterTable("audit_ends_away").renameTo("audit_ends").execute();
    await rotateServiceKey(near, ids, () => {
      seen = ["replaced"];
    });
    assert.deepEqual(seen, ["replaced"]);
    const actions = (await Array.fromAsync(listAudit(store))).map(({ action }) => action);
    assert.deepEqual(actions, ["service-key.rotating", "service-key.rotated"]);
  });

  test(`${engine}: a rotation whose end was not written is found and written at the next start`, async () => {
    await using store = await open();
    const { near, far, ids } = hosts(store);
    const stop = (): void => {
      throw new Error("the disk is full");
    };
    await assert.rejects(rotateServiceKey(near, ids, stop), /disk is full/);
    // The file was not replaced: the key of before is in force.
    assert.equal(await checkServiceKey(far), "as-logged");
    // It was.
    assert.equal(await checkServiceKey(near), "finished");
    assert.equal(await checkServiceKey(near), "as-logged");
    assert.equal(await checkServiceKey(far), "other");
  });

  test(`${engine}: a rotation whose last transaction fails after the file was replaced is finished at the next start`, async () => {
    await using store = await open();
    const { clock } = depsFor(store);
    const dir = await mkdtemp(join(tmpdir(), "sealpost-rotate-"));
    await using _ = { [Symbol.asyncDispose]: async () => rm(dir, { recursive: true }) };
    const file = join(dir, "service.key");
    await writeFile(file, newServiceRoot().reveal(), { mode: 0o600 });
    using serviceKeys = openServiceKeys(file);
    using next = newServiceRoot();
    using named = fixedServiceKeys(next.clone());
    const ids = { from: serviceKeys.current.id, to: named.current.id };
    let isReplaced = false;
    const failing = Object.create(store, {
      transaction: {
        value: async (work: Parameters<Store["transaction"]>[0]) =>
          store.transaction(async (tx) => {
            const value = await work(tx);
            if (isReplaced) throw new Error("the disk is full");
            return value;
          }),
      },
    }) as Store;
    const replace = (): void => {
      replaceServiceKey(file, next);
      isReplaced = true;
    };
    await assert.rejects(rotateServiceKey({ store: failing, clock }, ids, replace), /disk is full/);
    assert.equal(serviceKeys.current.id, ids.to);
    assert.equal(await compareServiceKey(store, ids.to), "unfinished");
    assert.equal(await checkServiceKey({ store, clock, serviceKeys }), "finished");
    assert.equal(await compareServiceKey(store, ids.to), "as-logged");
  });

  test(`${engine}: a former service key is kept while a process on another host writes under it`, async () => {
    await using store = await open();
    const { near, far, ids, deps } = hosts(store);
    await rotateServiceKey(near, ids, () => undefined);
    const note = async (process: string, { serviceKeys }: typeof near): Promise<void> =>
      noteServiceKeyUser(store, {
        process,
        serviceKey: serviceKeys.current.id,
        seenAt: deps.clock.now(),
      });
    await note("near:1", near);
    assert.deepEqual(await otherUsers(near), []);
    await note("far:1", far);
    assert.deepEqual(await otherUsers(near), ["far:1"]);
    await note("far:1", near);
    assert.deepEqual(await otherUsers(near), []);
    await note("far:2", far);
    deps.clock.advance(11 * MINUTE);
    assert.deepEqual(await otherUsers(near), []);
  });
}
