import assert from "node:assert/strict";
import { before, test } from "node:test";

import { serves, servesNothing, SILENT } from "../../test/support/authors.ts";
import { makePeople, NOW, alice, mallory, judged } from "../../test/support/judging.ts";
import { after, DAY, HOUR, MINUTE } from "../base/time.ts";
import type { AuthorAnswer } from "../discovery/author.ts";
import { type EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { revokeFresh } from "../openpgp/keys/revocation.ts";
import { isFinal } from "../store/mail/verdict.ts";

before(makePeople);

test("a message signed by the key that the author's domain publishes is CONFIDENTIAL", async () => {
  const verdict = await judged({});
  assert.equal(verdict.state, "CONFIDENTIAL");
  assert.equal(verdict.signature, "verified");
  assert.equal(verdict.signer, "alice@alpha.test");
  assert.equal(verdict.fingerprint, alice.fingerprint);
  assert.deepEqual(verdict.warnings, []);
});

test("a signature by another user's key is not the author's", async () => {
  const verdict = await judged({ signer: mallory });
  assert.equal(verdict.state, "ENCRYPTED_UNVERIFIED");
  assert.equal(verdict.signature, "unknown");
  assert.equal(verdict.signer, undefined);
});

test("another user's certificate, found by its fingerprint, does not carry the author's address", async () => {
  const verdict = await judged({ signer: mallory, former: mallory.certificate });
  assert.equal(verdict.state, "ENCRYPTED_UNVERIFIED");
  assert.equal(verdict.signature, "invalid");
});

const unsure: readonly (readonly [string, AuthorAnswer, string])[] = [
  ["publishes no key", servesNothing("NOKEY"), "unknown"],
  ["has no service", servesNothing("NOSVC"), "unknown"],
  ["announces a keyserver in unsigned DNS", servesNothing("INSEC"), "unknown"],
  ["cannot be asked now", SILENT, "later"],
];

for (const [what, answer, signature] of unsure) {
  test(`a signature whose author's domain ${what} is not verified`, async () => {
    const verdict = await judged({ answer });
    assert.equal(verdict.state, "ENCRYPTED_UNVERIFIED");
    assert.equal(verdict.signature, signature);
    assert.equal(isFinal(verdict), signature !== "later");
  });
}

test("an outer From of another domain is a mismatch, and nobody is asked", async () => {
  const asked: EmailAddress[] = [];
  const verdict = await judged({ outerFrom: "eve@evil.test", asked });
  assert.equal(verdict.state, "ENCRYPTED_UNVERIFIED");
  assert.deepEqual(verdict.warnings, ["FROM_MISMATCH"]);
  assert.deepEqual(asked, []);
});

test("an outer From of another user of the domain does not hide a verified author", async () => {
  const verdict = await judged({ outerFrom: "list@alpha.test" });
  assert.equal(verdict.state, "CONFIDENTIAL");
  assert.equal(verdict.signer, "alice@alpha.test");
});

test("two outer From fields are no author", async () => {
  const verdict = await judged({ outerFrom: "alice@alpha.test\r\nFrom: eve@evil.test" });
  assert.equal(verdict.state, "ENCRYPTED_UNVERIFIED");
  assert.deepEqual(verdict.warnings, ["FROM_MISMATCH"]);
});

const SUPERSEDED = 1;

const COMPROMISED = 2;

const RETIRED = 3;

/** An hour after the message was signed. */
const ENDED = after(NOW, HOUR);

async function endedBy(reasonCode: 1 | 2 | 3): Promise<Certificate> {
  return revokeFresh({ key: alice, reasonCode, text: "", now: ENDED });
}

for (const [what, reason, answer, arrivals] of [
  [
    "superseded",
    SUPERSEDED,
    "another key",
    [
      [5 * DAY, true],
      [5 * DAY + MINUTE, false],
    ],
  ],
  [
    "superseded by nothing",
    SUPERSEDED,
    "no key",
    [
      [HOUR, true],
      [HOUR + MINUTE, false],
    ],
  ],
  [
    "retired",
    RETIRED,
    "another key",
    [
      [HOUR, true],
      [HOUR + MINUTE, false],
    ],
  ],
  [
    "compromised",
    COMPROMISED,
    "another key",
    [
      [-HOUR, false],
      [MINUTE, false],
    ],
  ],
] as const) {
  test(`mail signed by a key that was ${what} since counts by when it arrived`, async () => {
    const former = await endedBy(reason);
    for (const [ms, isGood] of arrivals) {
      const verdict = await judged({
        former,
        answer: answer === "no key" ? servesNothing() : serves(mallory.certificate),
        receivedAt: after(ENDED, ms),
      });
      assert.equal(verdict.state, isGood ? "CONFIDENTIAL" : "ENCRYPTED_UNVERIFIED");
      assert.equal(verdict.evidence["detail"], isGood ? "FORMER_KEY" : undefined);
    }
  });
}

test("a key that was revoked before it signed is not believed, however it is known", async () => {
  const { certificate } = alice;
  for (const reasonCode of [SUPERSEDED, COMPROMISED, RETIRED]) {
    const keys = [{ certificate, revoked: { reasonCode, at: NOW } }];
    const verdict = await judged({ answer: { kind: "answered", code: "OK", keys } });
    assert.deepEqual([verdict.state, verdict.signature], ["ENCRYPTED_UNVERIFIED", "invalid"]);
  }
});

test("a key that the domain does not serve for the address, and that never ended, is somebody's", async () => {
  const former = alice.certificate;
  const verdict = await judged({ former, answer: serves(mallory.certificate) });
  assert.deepEqual([verdict.state, verdict.signature], ["ENCRYPTED_UNVERIFIED", "unknown"]);
});

test("the key of an address signs for its subaddress only where the domain gives that key for it", async () => {
  const from = "alice+ceo@alpha.test";
  assert.equal((await judged({ from })).state, "CONFIDENTIAL");
  const former = await endedBy(SUPERSEDED);
  for (const answer of [serves(mallory.certificate), servesNothing()]) {
    const verdict = await judged({ from, answer, former });
    assert.equal(verdict.state, "ENCRYPTED_UNVERIFIED");
  }
});

test("the same two authors inside and outside are no mismatch, and nobody's signature", async () => {
  const from = "alice@alpha.test, carol@alpha.test";
  const same = await judged({ from });
  assert.deepEqual([same.state, same.warnings], ["ENCRYPTED_UNVERIFIED", []]);
  const other = await judged({ from, outerFrom: "carol@alpha.test, alice@alpha.test" });
  assert.deepEqual(other.warnings, ["FROM_MISMATCH"]);
});
