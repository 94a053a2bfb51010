import assert from "node:assert/strict";
import { test } from "node:test";

import { addressOf } from "../../test/support/address.ts";
import { fromUnixMs } from "../base/time.ts";
import type { Discover } from "../discovery/outcome.ts";
import { lookUpAll } from "./recipients.ts";

const bob = addressOf("bob@beta.test");
const carol = addressOf("carol@legacy.test");

/** Finds nobody, and notes what was asked. */
function network() {
  const asked: Parameters<Discover>[] = [];
  const discover: Discover = async (...question) => {
    asked.push(question);
    const evidence = { checkedAt: fromUnixMs(0) };
    return Promise.resolve({ kind: "absent", code: "NOSVC", evidence });
  };
  return { asked, discover };
}

test("a look-up is told when to give up, where that is known", async () => {
  const { asked, discover } = network();
  const { signal } = new AbortController();
  await lookUpAll(discover, [bob], ["prefer-clear"], signal);
  await lookUpAll(discover, [bob], ["prefer-clear"]);
  assert.deepEqual(asked, [
    [bob, { signal }],
    [bob, {}],
  ]);
});

test("a recipient of whom no policy is known must not get clear text", async () => {
  const { asked, discover } = network();
  const [first, second] = await lookUpAll(discover, [carol, bob], ["off"]);
  assert.deepEqual(first, { address: carol, policy: "off" });
  assert.equal(second?.policy, "require");
  assert.deepEqual(
    asked.map(([address]) => address),
    [bob],
  );
});
