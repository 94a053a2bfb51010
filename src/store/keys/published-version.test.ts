import assert from "node:assert/strict";
import { test } from "node:test";

import { engines } from "../../../test/support/engines.ts";
import { certificateOf, fingerprintOf, keepRevocation } from "../../../test/support/published.ts";
import { publish, updatePublished } from "./publish.ts";
import { publishedVersion } from "./published-version.ts";

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
}
