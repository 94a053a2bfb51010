import assert from "node:assert/strict";
import { test } from "node:test";

import { answered, empty, judged, lines, silent, srv } from "../../test/support/doctor-world.ts";
import type { Inspected } from "../dns/answer.ts";
import type { SrvRecord } from "../dns/dns.ts";
import { srvRecord } from "./srv-record.ts";

const at = (record: Inspected<SrvRecord>) => ({ srv: { "_hkp._tcp.alpha.test": record } });

test("a signed record that names our keyserver is fine", async () => {
  assert.match(await lines(srvRecord), /^ok .* signed and names keys\.alpha\.test:443 /);
});

const LINE = /_hkp\._tcp\.alpha\.test\. 3600 IN SRV 10 100 443 keys\.alpha\.test\./;
const WORLDS: readonly [string, Inspected<SrvRecord>, RegExp][] = [
  ["is missing", empty(), /^fail .* has no SRV record/],
  ["is missing from an unsigned zone", empty("insecure"), /^fail .* has no SRV record/],
  ["says that there is no service", answered([srv(".")]), /^fail .* says that there is no/],
  ["names another host", answered([srv("keys.old.test")]), /^warn .*keys\.old\.test:443/],
  ["names another port", answered([srv(undefined, 8443)]), /^warn .*:8443/],
];
for (const [what, record, says] of WORLDS) {
  test(`a record that ${what} is answered with the line to publish`, async () => {
    const text = await lines(srvRecord, at(record));
    assert.match(text, says);
    assert.match(text, LINE);
  });
}

test("an unsigned record is told apart from an alias that leaves the signed zones", async () => {
  const unsigned = await lines(srvRecord, at(answered([srv()], "insecure")));
  assert.match(unsigned, /^fail .*zone is not signed.*DS record/);
  const aliases = ["_hkp._tcp.legacy.test"];
  const alias = await lines(srvRecord, at(answered([srv()], "insecure", { aliases })));
  assert.match(alias, /^fail .*is an alias of _hkp\._tcp\.legacy\.test/);
});

test("each code of a refused answer has its own remedy", async () => {
  for (const [code, remedy] of [
    [6, /Sign the zone again and reload/],
    [7, /signer stopped/],
    [8, /Set the clock/],
    [9, /DS record of the zone's present key/],
    [10, /serve the signed zone on every name server/],
  ] as const) {
    const [judgement] = await judged(srvRecord, at(silent(code)));
    assert.equal(judgement?.isTemporary, undefined);
    assert.match(judgement?.todo ?? "", remedy);
  }
});

test("no answer without the domain's fault may pass", async () => {
  for (const codes of [[], [22], [23]]) {
    const [judgement] = await judged(srvRecord, at(silent(...codes)));
    assert.equal(judgement?.isTemporary, true);
  }
});
