import assert from "node:assert/strict";
import { AsyncResource } from "node:async_hooks";
import { test } from "node:test";
import { setTimeout } from "node:timers/promises";

import { engines } from "../../../test/support/engines.ts";
import {
  bob,
  certificateOf,
  fingerprintOf,
  keepRevocation,
} from "../../../test/support/published.ts";
import { publish, updatePublished } from "./publish.ts";
import { publishedVersion } from "./published-version.ts";

/** Runs what another process does, outside of the transaction that is open here. */
const outside = AsyncResource.bind(async (work: () => Promise<void>) => work());

for (const { engine, open } of engines()) {
  test(`${engine}: every change of the published view raises its version`, async () => {
    await using store = await open();
    const versions = [await publishedVersion(store)];
    await keepRevocation(store, fingerprintOf("A"));
    await publish(store, certificateOf("A"), []);
    versions.push(await publishedVersion(store));
    await updatePublished(store, fingerprintOf("A"), { state: "retired", bytes: Uint8Array.of(3) });
    versions.push(await publishedVersion(store));
    assert.deepEqual(versions, [0, 1, 2]);
  });

  test(`${engine}: a transaction counts its changes once, and keeps no other one waiting before its end`, async () => {
    await using store = await open();
    for (const digit of ["A", "B"]) await keepRevocation(store, fingerprintOf(digit));
    let other: Promise<void> | undefined;
    await store.transaction(async (tx) => {
      await publish(tx, certificateOf("A"), []);
      const change = { state: "retired", bytes: Uint8Array.of(3) } as const;
      await updatePublished(tx, fingerprintOf("A"), change);
      assert.equal(await publishedVersion(tx), 0);
      other = outside(async () => publish(store, certificateOf("B", { address: bob }), []));
      // SQLite has one writer.
      if (engine === "sqlite") return;
      const late = setTimeout(10_000, "waits for the other one", { ref: false });
      assert.equal(await Promise.race([other, late]), undefined);
    });
    await other;
    assert.equal(await publishedVersion(store), 2);
  });

  test(`${engine}: a change that is undone is not counted`, async () => {
    await using store = await open();
    await keepRevocation(store, fingerprintOf("A"));
    const undone = store.transaction(async (tx) => {
      await publish(tx, certificateOf("A"), []);
      throw new Error("undone");
    });
    await assert.rejects(undone, /undone/);
    assert.equal(await publishedVersion(store), 0);
  });
}
