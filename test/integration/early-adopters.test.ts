/** The first providers find few of the people whom their users write to: that must not make the others uncertain. */
import { test } from "node:test";

import { expectCertain, proveEarlyAdopters } from "../proofs/early-adopters.ts";

const PER_MINUTE = 5;

test("an hour in which 99 of 100 recipients have no certificate leaves none uncertain", async () => {
  const limits = { addressMissesPerMinute: PER_MINUTE, peerMissesPerMinute: 600 };
  const hour = { perMinute: PER_MINUTE, isPeer: false, limits };
  expectCertain(await proveEarlyAdopters(hour), hour);
});

test("a provider that lists another as its peer lets it look up more than strangers may", async () => {
  const limits = { addressMissesPerMinute: 1, peerMissesPerMinute: 600 };
  const hour = { perMinute: PER_MINUTE, isPeer: true, limits };
  expectCertain(await proveEarlyAdopters(hour), hour);
});
