import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { engines } from "../../../test/support/engines.ts";
import {
  alice,
  bob,
  certificateOf,
  fingerprintOf,
  keepRevocation,
  now,
} from "../../../test/support/published.ts";
import { after, DAY } from "../../base/time.ts";
import { migrate } from "../engine/migrate.ts";
import { takeAuditPlace } from "../journal/audit-ends.ts";
import { openStore } from "../store.ts";
import { findById, findPublished, listPublished } from "./certificates.ts";
import { publish, updatePublished } from "./publish.ts";
import { publishedVersion } from "./published-version.ts";

const isRefused = { message: "the certificate may not be published", temporary: false };

for (const { engine, open, place } of engines()) {
  test(`${engine}: a key without its generic revocation is never published`, async () => {
    await using store = await open();
    const before = await publishedVersion(store);
    await assert.rejects(publish(store, certificateOf("A"), []), isRefused);
    assert.deepEqual(await findById(store, fingerprintOf("A")), []);
    assert.equal(await publishedVersion(store), before);
  });

  test(`${engine}: what a constraint refuses is refused for good, other trouble of the database is temporary`, async () => {
    const database = await place();
    await using store = await openStore(database);
    await migrate(store);
    await keepRevocation(store, fingerprintOf("A"));
    await using readOnly = await openStore({ ...database, readOnly: true });
    const temporary = { name: "AppError", temporary: true };
    await assert.rejects(publish(readOnly, certificateOf("A"), []), temporary);
    await publish(store, certificateOf("A"), []);
    await assert.rejects(publish(store, certificateOf("A"), []), isRefused);
  });

  test(`${engine}: an address has at most one active certificate`, async () => {
    await using store = await open();
    for (const digit of ["A", "B"]) await keepRevocation(store, fingerprintOf(digit));
    await publish(store, certificateOf("A"), []);
    await assert.rejects(publish(store, certificateOf("B"), []), isRefused);
    const change = { state: "superseded" as const, bytes: Uint8Array.from([2]), revokedAt: now };
    await updatePublished(store, fingerprintOf("A"), change);
    await publish(store, certificateOf("B", { createdAt: after(now, DAY) }), []);
    assert.equal((await findPublished(store, alice))?.fingerprint, fingerprintOf("B"));
    const [old] = await findById(store, fingerprintOf("A"));
    assert.equal(old?.state, "superseded");
    assert.deepEqual(old.revokedAt, now);
    assert.deepEqual(
      (await listPublished(store, alice)).map((one) => one.state),
      ["active", "superseded"],
    );
  });

  test(`${engine}: who logs before he publishes and who logs behind it do not wait for each other`, async () => {
    await using store = await open();
    for (const [digit, address] of [
      ["A", alice],
      ["B", bob],
    ] as const) {
      await keepRevocation(store, fingerprintOf(digit));
      await publish(store, certificateOf(digit, { address }), []);
    }
    const change = { state: "superseded" as const, bytes: Uint8Array.from([2]), revokedAt: now };
    const [first, second] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
    const isSqlite = engine === "sqlite";
    const one = store.transaction(async (tx) => {
      await takeAuditPlace(tx, "");
      first.resolve();
      // On SQLite the other one cannot even begin.
      await Promise.race([second.promise, setTimeout(isSqlite ? 0 : 500)]);
      await updatePublished(tx, fingerprintOf("A"), change);
    });
    await first.promise;
    const other = store.transaction(async (tx) => {
      await updatePublished(tx, fingerprintOf("B"), change);
      second.resolve();
      await takeAuditPlace(tx, "");
    });
    await Promise.all([one, other]);
    assert.equal(await findPublished(store, alice), undefined);
    assert.equal(await findPublished(store, bob), undefined);
  });
}
