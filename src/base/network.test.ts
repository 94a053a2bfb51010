import assert from "node:assert/strict";
import { test } from "node:test";

import { networkOf } from "./network.ts";

test("addresses of one /24 or /48 are one network", () => {
  assert.equal(networkOf("192.0.2.7"), "192.0.2.0/24");
  assert.equal(networkOf("::ffff:192.0.2.9"), "192.0.2.0/24");
  assert.equal(networkOf("2001:db8:5:6::1"), "2001:db8:5::/48");
  assert.equal(networkOf("2001:0DB8:0005::"), "2001:db8:5::/48");
  assert.equal(networkOf("2001:db8:5:6:7:8:9:a"), "2001:db8:5::/48");
  assert.equal(networkOf("2606:4700::1"), "2606:4700:0::/48");
  assert.equal(networkOf("2606::1"), "2606:0:0::/48");
  assert.equal(networkOf("::1"), "0:0:0::/48");
  assert.equal(networkOf("fe80::1%eth0"), "fe80:0:0::/48");
  assert.equal(networkOf("64:ff9b::192.0.2.1"), "64:ff9b:0::/48");
});

test("what is no address is a network of its own", () => {
  assert.equal(networkOf("unknown"), "unknown");
});
