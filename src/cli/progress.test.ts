import assert from "node:assert/strict";
import { Readable } from "node:stream";
import { test } from "node:test";

import { SECOND } from "../base/time.ts";
import { progressOn } from "./progress.ts";

test("a long command says each second how far it is, and a short one nothing", (t) => {
  let now = 5 * SECOND;
  t.mock.method(performance, "now", () => now);
  const lines: string[] = [];
  const terminal = {
    input: Readable.from([]),
    write: () => undefined,
    complain: (line: string) => lines.push(line),
  };
  const progress = progressOn(
    { terminal },
    (done: number, all: number) => `${String(done)} of ${String(all)}`,
  );
  for (let done = 1; done <= 35; done += 1) {
    now += SECOND / 10;
    progress(done, 40);
  }
  assert.deepEqual(lines, ["10 of 40", "20 of 40", "30 of 40"]);
});
