import assert from "node:assert/strict";
import { test } from "node:test";

import { idOf } from "../../../test/support/accounts.ts";
import { addressOf } from "../../../test/support/address.ts";
import type { Fingerprint } from "../../openpgp/packets/fingerprint.ts";
import { orderFrom, orderOctets, type Order } from "./order.ts";

const alice = addressOf("Alice@alpha.test");
const bob = addressOf("bob@beta.test");
const ben = addressOf("ben@beta.test");

const ORDER: Order = {
  account: idOf(alice),
  envelope: { from: alice, recipients: [bob, ben] },
  policy: "prefer-clear",
  policies: ["prefer-pickup", "off"],
  isAutomatic: true,
  isSplit: true,
  demand: "reply",
  author: alice,
  signedBy: "ab".repeat(20) as Fingerprint,
  once: "sent 1",
  groups: [{ readers: [bob] }, { readers: [ben], blindReader: ben }],
};

test("what was decided is read as it was written, and a blind reader stays blind", () => {
  assert.deepEqual(orderFrom(orderOctets(ORDER)), ORDER);
});

test("what was decided without a demand, a copy or a return path is read so as well", () => {
  const { once: _copy, ...rest } = ORDER;
  const order = { ...rest, demand: undefined, envelope: { from: undefined, recipients: [bob] } };
  assert.deepEqual(orderFrom(orderOctets(order)), order);
});
