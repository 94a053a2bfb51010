import assert from "node:assert/strict";
import { test } from "node:test";

import { http } from "../../test/support/discovery-world.ts";
import { answered, lines, now, seen, signed, srv } from "../../test/support/doctor-world.ts";
import { MINUTE, SECOND, after } from "../base/time.ts";
import { clockCheck } from "./clock-check.ts";

const says = (date: Date) => ({ other: http(404, "", { date: date.toUTCString() }) });

test("a clock that agrees within two minutes is fine, whichever is ahead", async () => {
  for (const ms of [0, 2 * MINUTE, -2 * MINUTE]) {
    assert.match(await lines(clockCheck, says(after(now, ms))), /^ok /);
  }
});

test("a greater difference is warned of", async () => {
  for (const ms of [2 * MINUTE + SECOND, -3 * MINUTE]) {
    assert.match(await lines(clockCheck, says(after(now, ms))), /^warn .*differ by \d+ s.*NTP/);
  }
});

test("a time outside a proven signature fails", async () => {
  const signatures = [signed("_hkp._tcp.alpha.test", -0.5)];
  const world = { srv: { "_hkp._tcp.alpha.test": answered([srv()], "secure", { signatures }) } };
  assert.match(await lines(clockCheck, world), /^fail .*outside the time of a signature/);
});

test("without a server that tells the time it is skipped", async () => {
  assert.match(await lines(clockCheck, { other: http(404) }), /^skip /);
  assert.match(await lines(clockCheck, { tls: [seen({ distrust: "expired" })] }), /^skip /);
});
