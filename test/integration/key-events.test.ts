import assert from "node:assert/strict";
import { test } from "node:test";
import { proveKeyEvents } from "../proofs/key-events.ts";

/** Of each kind one: another slot, another master key, the files of the service key. */
const EVENTS = ["password change", "reset with nothing", "service key rotation"];

/** In the middle, and around the end; all steps of all events are `npm run proof -- key-events`. */
function someSteps(steps: number): readonly number[] {
  return [Math.ceil(steps / 2), steps];
}

for (const engine of ["sqlite", "postgres"] as const) {
  test(`${engine}: a process that is killed within an event in the life of keys leaves one working state`, async (t) => {
    const reports = await proveKeyEvents(engine, EVENTS, someSteps);
    for (const { event, steps, kills, before, after } of reports) {
      assert.equal(before + after, kills);
      t.diagnostic(
        `${event}: ${steps} steps, ${before} killed before it had happened, ${after} after`,
      );
    }
  });
}
