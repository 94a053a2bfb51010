import assert from "node:assert/strict";
import { test } from "node:test";

import { fakeClock } from "../../test/support/clock.ts";
import { MINUTE, SECOND } from "../base/time.ts";
import type { GetResult } from "./request.ts";
import { byTargetNetwork } from "./target-networks.ts";

const TIMED_OUT: GetResult = { kind: "failed", reason: "answer: too slow" };
const REFUSED: GetResult = { kind: "failed", reason: "connection refused" };
const FOUND: GetResult = { kind: "response", status: 404, headers: new Map(), body: Buffer.of() };
const CLOSED = "the network of the host keeps requests waiting";

/** Requests whose answers and times a test decides. */
function networks() {
  const clock = fakeClock();
  let ms = 0;
  const admit = byTargetNetwork(clock, () => ms);
  const { signal } = new AbortController();
  const ask = async (host: string, address: string, answer: GetResult, tookMs: number) => {
    const result = await admit({ host, address, signal }, async () => {
      ms += tookMs;
      return Promise.resolve(answer);
    });
    return result.kind === "failed" ? result.reason : String(result.status);
  };
  return { clock, admit, ask };
}

test("many host names of one network have eight places together, and other networks have theirs", async () => {
  const { admit } = networks();
  const { signal } = new AbortController();
  const { promise: held, resolve } = Promise.withResolvers<GetResult>();
  let inside = 0;
  const tarpits = Array.from({ length: 200 }, (_, at) =>
    admit({ host: `t${at}.evil.test`, address: `203.0.113.${at}`, signal }, async () => {
      inside += 1;
      return held;
    }),
  );
  const sixth = await admit(
    { host: "k.test", address: "2001:db8:1::1", signal },
    async () => FOUND,
  );
  assert.equal(sixth.kind, "response");
  const fourth = await admit(
    { host: "k.test", address: "198.51.100.1", signal },
    async () => FOUND,
  );
  assert.equal(fourth.kind, "response");
  assert.equal(inside, 8);
  resolve(TIMED_OUT);
  await Promise.all(tarpits);
});

test("five requests in a row that a network holds up close it for a minute, whatever the host", async () => {
  const { ask, clock } = networks();
  for (let at = 0; at < 5; at += 1) {
    assert.equal(
      await ask(`t${at}.evil.test`, `203.0.113.${at}`, TIMED_OUT, 5 * SECOND),
      "answer: too slow",
    );
  }
  assert.equal(await ask("t9.evil.test", "203.0.113.9", FOUND, 1), CLOSED);
  assert.equal(await ask("keys.beta.test", "203.0.112.9", FOUND, 1), "404");
  clock.advance(MINUTE);
  assert.equal(await ask("t9.evil.test", "203.0.113.9", FOUND, 1), "404");
});

test("a network that is held up is not asked, and that says nothing about its hosts", async () => {
  const { ask, admit } = networks();
  for (let at = 0; at < 5; at += 1) await ask(`t${at}.evil.test`, "203.0.113.1", TIMED_OUT, 5000);
  const { signal } = new AbortController();
  const result = await admit({ host: "new.test", address: "203.0.113.8", signal }, async () =>
    assert.fail("sent"),
  );
  assert(result.kind === "failed" && result.isOurs === true);
});

test("a host that answered within the hour is asked although its network holds others up", async () => {
  const { ask } = networks();
  await ask("keys.good.test", "203.0.113.200", FOUND, 1);
  for (let at = 0; at < 5; at += 1) await ask(`t${at}.evil.test`, "203.0.113.1", TIMED_OUT, 5000);
  assert.equal(await ask("t5.evil.test", "203.0.113.1", FOUND, 1), CLOSED);
  assert.equal(await ask("keys.good.test", "203.0.113.200", FOUND, 1), "404");
});

test("hosts that refuse at once close no network", async () => {
  const { ask } = networks();
  for (let at = 0; at < 9; at += 1) await ask(`d${at}.test`, "203.0.113.1", REFUSED, 3);
  assert.equal(await ask("keys.good.test", "203.0.113.200", FOUND, 1), "404");
});
