import assert from "node:assert/strict";
import { test } from "node:test";

import { engines } from "../../../test/support/engines.ts";
import { bob, now } from "../../../test/support/published.ts";
import { listCache } from "../../../test/support/stored-rows.ts";
import { after, DAY, HOUR } from "../../base/time.ts";
import { deleteCache, purgeCache, readCache, writeCache } from "./cache.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: a cached certificate is never used after seven days, and never before it was fetched`, async () => {
    await using store = await open();
    const entry = {
      address: bob,
      certificate: Uint8Array.from([5, 6]),
      keyserver: "keys.beta.test",
      fetchedAt: now,
      freshUntil: after(now, 30 * DAY),
      endsAt: undefined,
    };
    await writeCache(store, { ...entry, certificate: Uint8Array.from([4]) });
    await writeCache(store, entry);
    const read = await readCache(store, bob, after(now, HOUR));
    assert.deepEqual(Buffer.from(read?.certificate ?? []), Buffer.from([5, 6]));
    assert.deepEqual(read?.freshUntil, after(now, 7 * DAY));
    assert(await readCache(store, bob, after(now, 7 * DAY - 1)));
    assert.equal(await readCache(store, bob, after(now, 7 * DAY)), undefined);
    assert.equal(await readCache(store, bob, after(now, -1)), undefined);
    assert.equal(await purgeCache(store, after(now, 7 * DAY - 1)), 0);
    assert.equal((await listCache(store)).length, 1);
    assert.equal(await purgeCache(store, after(now, 7 * DAY)), 1);
    assert.deepEqual(await listCache(store), []);
    await writeCache(store, entry);
    await deleteCache(store, bob);
    assert.equal(await readCache(store, bob, now), undefined);
  });
}
