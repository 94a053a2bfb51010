import assert from "node:assert/strict";
import { test } from "node:test";

import { engines } from "../../../test/support/engines.ts";
import { isMigrated, requireMigrated, STEPS } from "./migrate.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: whoever only reads is told of a database that is older than the program, and leaves it so`, async () => {
    await using store = await open();
    await requireMigrated(store);
    const later = { name: "0002-later", migration: () => assert.fail("it is not migrated") };
    await assert.rejects(requireMigrated(store, [...STEPS, later]), /is older than this version/);
    assert(await isMigrated(store));
  });
}
