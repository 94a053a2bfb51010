import assert from "node:assert/strict";
import { test } from "node:test";

import { ADDRESS, KEYS, answered, lines, signed, srv } from "../../test/support/doctor-world.ts";
import type { Signature } from "../dns/answer.ts";
import type { DnssecState } from "../dns/dns.ts";
import { signatures } from "./signatures.ts";

const SRV = "_hkp._tcp.alpha.test";

function world(
  ofSrv: readonly Signature[],
  ofAddress: readonly Signature[] = [signed(KEYS, 20, "A")],
  dnssec: DnssecState = "secure",
) {
  return {
    srv: { [SRV]: answered([srv()], dnssec, { signatures: ofSrv }) },
    addresses: { [KEYS]: answered([ADDRESS], dnssec, { signatures: ofAddress }) },
  };
}

test("signatures that hold for three days and more are fine", async () => {
  assert.match(await lines(signatures, world([signed(SRV, 4)])), /^ok .*hold at least until/);
});

test("one that ends within three days fails, of the record and of the address alike", async () => {
  const text = await lines(signatures, world([signed(SRV, 2)]));
  assert.match(text, /^fail .*SRV of _hkp\._tcp\.alpha\.test ends on .*Sign the zone alpha\.test/);
  const ofAddress = await lines(signatures, world([signed(SRV, 9)], [signed(KEYS, 1, "A")]));
  assert.match(ofAddress, /^fail .*A of keys\.alpha\.test/);
});

test("of two signatures of the same records the later one counts", async () => {
  assert.match(await lines(signatures, world([signed(SRV, 1), signed(SRV, 20)])), /^ok /);
});

test("what is not proven has nothing that could end", async () => {
  const text = await lines(signatures, world([signed(SRV, 1)], [], "insecure"));
  assert.match(text, /^skip /);
});
