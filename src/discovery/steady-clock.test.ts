import assert from "node:assert/strict";
import { test } from "node:test";

import { after, fromUnixMs } from "../base/time.ts";
import { steadyClock } from "./steady-clock.ts";

const start = fromUnixMs(1_000_000);

test("time passes at least as fast as it does, whatever the system's clock shows", () => {
  let wall = start;
  let passedMs = 0;
  const clock = steadyClock({ now: () => wall }, () => passedMs);
  const elapsed = () => clock.now().getTime() - start.getTime();
  passedMs = 500; // The system's clock stands still.
  assert.equal(elapsed(), 500);
  wall = after(start, -9000); // It is set back.
  passedMs = 700;
  assert.equal(elapsed(), 700);
  wall = after(start, 5000); // It is set forward.
  assert.equal(elapsed(), 5000);
  wall = start;
  passedMs = 800;
  assert.equal(elapsed(), 5100);
});
