import assert from "node:assert/strict";
import { test } from "node:test";

import { proveBlobs } from "../proofs/blobs.ts";

/** Octets before a row, a row before its octets, and octets alone. */
const EVENTS = ["put", "delete", "sweep"];

/** In the middle, and at the end; all steps of all events are `npm run proof -- blobs`. */
function someSteps(steps: number): readonly number[] {
  return [Math.ceil(steps / 2), steps];
}

for (const engine of ["sqlite", "postgres"] as const) {
  test(`${engine}: a process that is killed while it works on bodies leaves every row its octets`, async (t) => {
    const reports = await proveBlobs(engine, EVENTS, someSteps);
    for (const { event, steps, kills } of reports) {
      assert(kills > 0);
      t.diagnostic(`${event}: ${String(steps)} steps, killed ${String(kills)} times`);
    }
  });
}
