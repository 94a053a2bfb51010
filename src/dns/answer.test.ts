import assert from "node:assert/strict";
import { test } from "node:test";

import { readAnswer } from "./answer.ts";
import type { DnsRecord, DnsReply } from "./message.ts";
import { classifyHkp } from "./service-class.ts";
import { srvRecord } from "./stub.ts";

const NAME = "_hkp._tcp.beta.test";

const soa = (name: string): DnsRecord =>
  ({ type: "SOA", name, ttl: 60, data: { minimum: 60 } }) as unknown as DnsRecord;
const alias = (name: string, data: string): DnsRecord => ({ type: "CNAME", name, ttl: 60, data });
const srv = (name: string): DnsRecord => ({
  type: "SRV",
  name,
  ttl: 60,
  data: { priority: 0, weight: 0, port: 443, target: "keys.beta.test" },
});

function classOf(reply: Partial<DnsReply>): string {
  const whole: DnsReply = {
    rcode: "NOERROR",
    isAuthentic: true,
    isTruncated: false,
    answers: [],
    authorities: [],
    ede: [],
    ...reply,
  };
  return classifyHkp(readAnswer(whole, NAME, "SRV", srvRecord).answer).class;
}

/** Aliases from the name on, one behind the other. */
const chain = (length: number): readonly DnsRecord[] =>
  Array.from({ length }, (_, at) =>
    alias(at === 0 ? NAME : `a${String(at)}.test`, `a${String(at + 1)}.test`),
  );

for (const rcode of ["NOERROR", "NXDOMAIN"]) {
  test(`${rcode}: a proven absence counts only with the SOA record of a zone above it (RFC 2308 §2)`, () => {
    for (const zone of ["beta.test", "test", ".", "BETA.test."]) {
      assert.equal(classOf({ rcode, authorities: [soa(zone)] }), "NO_SERVICE", zone);
    }
    assert.equal(classOf({ rcode }), "INDETERMINATE");
    for (const zone of ["alpha.test", "ta.test", "x.beta.test"]) {
      assert.equal(classOf({ rcode, authorities: [soa(zone)] }), "INDETERMINATE", zone);
    }
    assert.equal(classOf({ rcode, isAuthentic: false }), "NO_SERVICE_INSECURE");
  });

  test(`${rcode}: the end of an alias is absent in the zone of its end`, () => {
    const answers = [alias(NAME, "keys.gamma.test")];
    assert.equal(classOf({ rcode, answers, authorities: [soa("gamma.test")] }), "NO_SERVICE");
    assert.equal(classOf({ rcode, answers, authorities: [soa("beta.test")] }), "INDETERMINATE");
  });

  test(`${rcode}: aliases that go round, fork or never end are no answer, proven or not`, () => {
    for (const isAuthentic of [true, false]) {
      const authorities = [soa("test")];
      for (const answers of [
        [alias(NAME, NAME)],
        [alias(NAME, "a.test"), alias("a.test", "b.test"), alias("B.test", "a.test")],
        [alias(NAME, "a.test"), alias(NAME, "b.test"), srv("a.test")],
        chain(16),
        chain(40),
      ]) {
        assert.equal(classOf({ rcode, isAuthentic, answers, authorities }), "INDETERMINATE");
      }
    }
  });
}

test("an alias that ends in records is followed, however it is written", () => {
  const answers = [alias(NAME, "A.test."), alias("a.TEST", "b.test"), srv("b.test")];
  assert.equal(classOf({ answers }), "SECURE_SRV");
  assert.equal(classOf({ answers: [...chain(15), srv("a15.test")] }), "SECURE_SRV");
});

test("records that cannot be read are no proven absence", () => {
  const strange = { type: "SRV", name: NAME, ttl: 60, data: undefined } as unknown as DnsRecord;
  const answer = () =>
    readAnswer(
      {
        rcode: "NOERROR",
        isAuthentic: true,
        isTruncated: false,
        answers: [strange],
        authorities: [],
        ede: [],
      },
      NAME,
      "SRV",
      () => [],
    ).answer.kind;
  assert.equal(answer(), "indeterminate");
});
