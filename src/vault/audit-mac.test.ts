import assert from "node:assert/strict";
import { test } from "node:test";

import { utf8 } from "../base/bytes.ts";
import { auditMacUnder } from "./audit-mac.ts";
import { newServiceRoot, ServiceKey, ServiceKeys } from "./service-key.ts";

test("a MAC that was good once is bad for another text, and unknown once its key is gone", () => {
  let next: readonly ServiceKey[] | undefined = [new ServiceKey(newServiceRoot())];
  using serviceKeys = new ServiceKeys(() => {
    const keys = next;
    next = undefined;
    return keys;
  });
  const { sign, check } = auditMacUnder(serviceKeys);
  const made = sign(utf8("text"));
  for (const expected of ["good", "good"]) assert.equal(check(utf8("text"), made), expected);
  assert.equal(check(utf8("other"), made), "bad");
  assert.equal(check(utf8("text"), { ...made, mac: sign(utf8("other")).mac }), "bad");
  next = [new ServiceKey(newServiceRoot())];
  assert.equal(check(utf8("text"), made), "unknown");
});
