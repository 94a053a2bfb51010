import assert from "node:assert/strict";
import { test } from "node:test";

import { engines } from "../../../test/support/engines.ts";
import { after, DAY, fromUnixMs } from "../../base/time.ts";
import { parseAddress } from "../../mail/address.ts";
import { parseFingerprint } from "../../openpgp/packets/fingerprint.ts";
import {
  type AuthorKey,
  CACHE_LIFE_MS,
  listAuthorKeys,
  listWanted,
  readAuthorKey,
  saveAuthorKey,
  wantAuthorKey,
} from "./author-keys.ts";
import { purgeCache } from "./cache.ts";

const now = fromUnixMs(1_800_000_000_000);

for (const { engine, open } of engines()) {
  test(`${engine}: an author's key is wanted until it is found, and kept for a week`, async () => {
    await using store = await open();
    const author = parseAddress("Bob@beta.test");
    const other = parseAddress("eve@evil.test");
    const fingerprint = parseFingerprint("A".repeat(40));
    assert(author !== undefined && other !== undefined && fingerprint !== undefined);
    await wantAuthorKey(store, author, fingerprint, now);
    assert.equal((await listWanted(store, author, now)).length, 1);
    assert.equal((await listWanted(store, other, now)).length, 0);
    const certificate = Uint8Array.from([1, 2]);
    const key: AuthorKey = { author, fingerprint, state: "found", certificate, at: after(now, 1) };
    await saveAuthorKey(store, key);
    assert.equal((await listWanted(store, author, now)).length, 0);
    assert.equal((await listAuthorKeys(store, author, now)).length, 0, "one from the future");
    const [kept] = await listAuthorKeys(store, author, after(now, CACHE_LIFE_MS));
    assert(kept?.state === "found");
    assert.deepEqual(Uint8Array.from(kept.certificate), certificate);
    const old = after(now, CACHE_LIFE_MS + 1);
    assert.equal((await listAuthorKeys(store, author, old)).length, 0);
    await purgeCache(store, old);
    assert.equal((await store.db.selectFrom("author_keys").selectAll().execute()).length, 0);
    await saveAuthorKey(store, key);
    await wantAuthorKey(store, author, fingerprint, after(now, DAY));
    const again = await readAuthorKey(store, author, fingerprint, after(now, DAY));
    assert.deepEqual([again?.state, again?.certificate.length], ["wanted", 2]);
    assert.deepEqual(again?.at, key.at);
  });
}
