import assert from "node:assert/strict";
import { test } from "node:test";

import { engines } from "../../../test/support/engines.ts";
import { now } from "../../../test/support/published.ts";
import { after, MINUTE } from "../../base/time.ts";
import { countAttempt, forgetAttempts, purgeAttempts } from "./attempts.ts";

for (const { engine, open } of engines()) {
  test(`${engine}: attempts count within their window, also when they come at once`, async () => {
    await using store = await open();
    const count = async (at: Date) => countAttempt(store, "k", at, 15 * MINUTE);
    const counts = await Promise.all(Array.from({ length: 10 }, async () => count(now)));
    assert.deepEqual(
      counts.toSorted((a, b) => a - b),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    assert.equal(await count(after(now, 15 * MINUTE - 1)), 11);
    assert.equal(await count(after(now, 15 * MINUTE)), 1);
    await forgetAttempts(store, "k");
    assert.equal(await count(now), 1);
    await purgeAttempts(store, after(now, 1));
    assert.equal(await count(now), 1);
  });
}
