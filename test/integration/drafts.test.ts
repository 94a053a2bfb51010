import assert from "node:assert/strict";
import { test } from "node:test";

import { proveDrafts } from "../proofs/drafts.ts";

/** A text in place of another, and octets that come. */
const EVENTS = ["save", "attach"];

/** In the middle, and at the end; all steps of all events are `npm run proof -- drafts`. */
function someSteps(steps: number): readonly number[] {
  return [Math.ceil(steps / 2), steps];
}

for (const [engine, bodies] of [
  ["sqlite", "folder"],
  ["postgres", "database"],
] as const) {
  test(`${engine}, bodies in the ${bodies}: a process that is killed while it works on a draft leaves the old one or the new one`, async (t) => {
    const reports = await proveDrafts(engine, bodies, EVENTS, someSteps);
    for (const { event, kills, before, after } of reports) {
      assert(kills > 0 && after > 0);
      t.diagnostic(`${event}: ${String(before)} before, ${String(after)} after`);
    }
  });
}
