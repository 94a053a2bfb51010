import assert from "node:assert/strict";
import { test } from "node:test";

import {
  ADDRESS,
  KEYS,
  answered,
  empty,
  lines,
  silent,
  srv,
} from "../../test/support/doctor-world.ts";
import type { Inspected } from "../dns/answer.ts";
import { srvTarget } from "./srv-target.ts";

const at = (addresses: Inspected<string>) => ({ addresses: { [KEYS]: addresses } });
const aliases = ["www.alpha.test"];

const WORLDS: readonly [string, Inspected<string>, RegExp][] = [
  ["with signed addresses is fine", answered([ADDRESS]), /^ok .*192\.0\.2\.2, signed/],
  ["with unsigned addresses is warned of", answered([ADDRESS], "insecure"), /^warn .*not signed/],
  ["without addresses fails", empty(), /^fail .*no address.*IN A ADDRESS/],
  ["whose addresses are forged fails", silent(6), /^fail .*forged/],
  ["that is an alias is warned of", answered([ADDRESS], "secure", { aliases }), /^warn .*alias/],
  [
    "that is an alias out of the signed zones fails",
    answered([ADDRESS], "insecure", { aliases }),
    /^fail .*alias of www\.alpha\.test.*leaves.*keys\.alpha\.test\. 3600 IN A 192\.0\.2\.2/,
  ],
];
for (const [what, addresses, says] of WORLDS) {
  test(`a target ${what}`, async () => {
    assert.match(await lines(srvTarget, at(addresses)), says);
  });
}

test("what is no host name fails, every host is looked at, and none is skipped", async () => {
  const records = answered([srv("localhost"), srv("192.0.2.1"), srv(KEYS, 0), srv()]);
  const text = await lines(srvTarget, { srv: { "_hkp._tcp.alpha.test": records } });
  assert.equal(text.match(/^fail .*no host/gm)?.length, 3);
  assert.match(text, /^ok /m);
  const none = { srv: { "_hkp._tcp.alpha.test": empty() } };
  assert.match(await lines(srvTarget, none), /^skip .*no SRV record/);
});
