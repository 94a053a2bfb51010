import assert from "node:assert/strict";
import { test } from "node:test";

import { proveMailbox } from "../proofs/mailbox.ts";

/** In the middle; all steps of all events are `npm run proof -- mailbox`. */
function middle(steps: number): readonly number[] {
  return [Math.ceil(steps / 2)];
}

for (const [engine, bodies] of [
  ["sqlite", "folder"],
  ["postgres", "folder"],
  ["sqlite", "database"],
] as const) {
  test(`${engine}, bodies in the ${bodies}: a process that is killed while it works on a mailbox loses and doubles nothing`, async (t) => {
    for (const { event, steps, kills } of await proveMailbox(engine, bodies, undefined, middle)) {
      assert(kills > 0);
      t.diagnostic(`${event}: ${String(steps)} steps, killed ${String(kills)} times`);
    }
  });
}
