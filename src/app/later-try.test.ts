import assert from "node:assert/strict";
import { test } from "node:test";

import { HOUR, SECOND } from "../base/time.ts";
import { LaterTry } from "./later-try.ts";

test("work that fails is tried again after 5 seconds, twice as long each time, and never after more than an hour", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  let tries = 0;
  using later = new LaterTry(() => {
    tries += 1;
  });
  for (const [index, waitMs] of [5, 10, 20, 40].map((seconds) => seconds * SECOND).entries()) {
    later.failed();
    later.failed();
    t.mock.timers.tick(waitMs - 1);
    assert.equal(tries, index);
    t.mock.timers.tick(1);
    assert.equal(tries, index + 1);
  }
  for (let turn = 0; turn < 20; turn += 1) {
    later.failed();
    t.mock.timers.tick(HOUR);
  }
  assert.equal(tries, 24);
  later.succeeded();
  later.failed();
  t.mock.timers.tick(5 * SECOND);
  assert.equal(tries, 25);
});

test("nothing is tried again once it is disposed", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] });
  const later = new LaterTry(() => assert.fail("it is tried"));
  later.failed();
  later[Symbol.dispose]();
  later.failed();
  t.mock.timers.tick(HOUR);
});
