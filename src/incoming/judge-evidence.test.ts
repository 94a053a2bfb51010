/** What a verdict says besides its state: warnings, times, evidence. */
import assert from "node:assert/strict";
import { before, test } from "node:test";

import { authorDeps, serves, servesNothing } from "../../test/support/authors.ts";
import { expectDecrypted, NOW, ownKey } from "../../test/support/openpgp-messages.ts";
import { after, DAY, HOUR } from "../base/time.ts";
import type { EmailAddress } from "../mail/address.ts";
import { parseHeader } from "../mail/header.ts";
import type { UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { decrypt } from "../openpgp/messages/decrypt.ts";
import { signAndEncrypt } from "../openpgp/messages/encrypt.ts";
import type { SignatureFacts } from "../openpgp/messages/signature-facts.ts";
import { judgeSealed, judgeSigned } from "./judge.ts";

const DATED = `Date: ${NOW.toUTCString().replace("GMT", "+0000")}\r\n`;
const FROM = "From: alice@alpha.test\r\n";
const TO_BOB = "To: bob@beta.test\r\n";
const REST = `Subject: Lease\r\n${DATED}`;

let alice: UnlockedKey;
let bob: UnlockedKey;
let mallory: UnlockedKey;

before(async () => {
  [alice, bob, mallory] = await Promise.all([
    ownKey("alice@alpha.test", "compat"),
    ownKey("bob@beta.test", "compat"),
    ownKey("mallory@alpha.test", "compat"),
  ]);
});

type Scene = {
  readonly hp?: "cipher" | "clear";
  /** The protected fields besides Subject and Date. */
  readonly fields?: string;
  readonly outer?: string;
  readonly intended?: readonly UnlockedKey[];
  readonly signatures?: (one: SignatureFacts) => readonly SignatureFacts[];
  readonly receivedAt?: Date;
  readonly isUnknown?: boolean;
};

/** Judges what alice signed as it comes to bob, sealed or in clear. */
async function judged(how: "sealed" | "clear", scene: Scene = {}) {
  const {
    hp = how === "sealed" ? "cipher" : "clear",
    fields = FROM + TO_BOB,
    intended = [],
  } = scene;
  const message = await signAndEncrypt({
    data: Buffer.from(`Content-Type: text/plain; hp="${hp}"\r\n${fields}${REST}\r\nText.\r\n`),
    signer: alice,
    recipients: [bob.certificate],
    intended: intended.map(({ fingerprint }) => fingerprint),
    now: NOW,
  });
  const { data, signatures } = expectDecrypted(await decrypt({ message, keys: [bob] }));
  const [one] = signatures;
  assert(one !== undefined);
  const facts = {
    isEncrypted: how === "sealed",
    outer: parseHeader(Buffer.from(`${scene.outer ?? FROM}${DATED}\r\n`)).header,
    signed: data,
    signatures: scene.signatures?.(one) ?? [one],
    receivedAt: scene.receivedAt ?? NOW,
  };
  const isAmong = async (addresses: readonly EmailAddress[]) =>
    Promise.resolve(addresses.some(({ local }) => local === "bob"));
  const deps = authorDeps(scene.isUnknown === true ? servesNothing() : serves(alice.certificate));
  return how === "sealed"
    ? judgeSealed(deps, { isAmong, fingerprints: [bob.fingerprint] }, facts)
    : judgeSigned(deps, facts);
}

test("a good verdict has no reason, names signer, key and time, and warns of nothing", async () => {
  for (const [how, state] of [
    ["sealed", "CONFIDENTIAL"],
    ["clear", "VERIFIED"],
  ] as const) {
    const verdict = await judged(how);
    assert.deepEqual([verdict.state, verdict.warnings, verdict.evidence], [state, [], {}]);
    assert.deepEqual(
      [verdict.signer, verdict.fingerprint, verdict.signedAt],
      ["alice@alpha.test", alice.fingerprint, NOW],
    );
  }
});

test("a verdict that is not good says why, and names neither signer, key nor time", async () => {
  for (const [how, state] of [
    ["sealed", "ENCRYPTED_UNVERIFIED"],
    ["clear", "UNPROTECTED"],
  ] as const) {
    for (const fields of [FROM, FROM + TO_BOB]) {
      const verdict = await judged(how, { isUnknown: true, fields });
      assert.deepEqual([verdict.state, verdict.warnings], [state, []]);
      assert.deepEqual(verdict.evidence, { reason: "NOKEY" });
      const { signer, fingerprint, signedAt } = verdict;
      assert.deepEqual([signer, fingerprint, signedAt], [undefined, undefined, undefined]);
    }
  }
});

test("what names no recipient may be somebody else's, and that is evidence and no warning", async () => {
  for (const scene of [{ hp: "cipher" }, { hp: "clear" }] as const) {
    const verdict = await judged("sealed", { ...scene, fields: FROM });
    const state = scene.hp === "cipher" ? "CONFIDENTIAL_BODY" : "VERIFIED";
    assert.deepEqual([verdict.state, verdict.warnings], [state, []]);
    assert.deepEqual(verdict.evidence, { addressee: "unsaid" });
  }
  assert.deepEqual((await judged("clear", { fields: FROM })).evidence, { addressee: "unsaid" });
});

test("what was signed in clear for others is a warning only where its signature counts", async () => {
  const fields = `${FROM}To: carol@beta.test\r\n`;
  const good = await judged("sealed", { hp: "clear", fields });
  assert.deepEqual([good.state, good.warnings], ["VERIFIED", ["NOT_ADDRESSED"]]);
  assert.deepEqual(good.evidence, {});
  const unknown = await judged("sealed", { hp: "clear", fields, isUnknown: true });
  assert.deepEqual([unknown.state, unknown.warnings], ["UNPROTECTED", []]);
  assert.deepEqual((await judged("sealed", { hp: "clear" })).warnings, []);
});

test("one intended recipient of several, in one signature of several, is enough", async () => {
  const both = await judged("sealed", {
    intended: [mallory, bob],
    fields: `${FROM}To: x@y.test\r\n`,
  });
  assert.deepEqual([both.state, both.warnings], ["CONFIDENTIAL", []]);
  const signatures = (one: SignatureFacts) => [{ ...one, intended: [] }, one];
  const clear = await judged("clear", { intended: [bob], signatures });
  assert.deepEqual([clear.state, clear.signature], ["UNPROTECTED", "invalid"]);
});

test("one of two authors that differs is a mismatch", async () => {
  const outer = "From: alice@alpha.test, dave@alpha.test\r\n";
  const fields = `From: alice@alpha.test, carol@alpha.test\r\n${TO_BOB}`;
  assert.deepEqual((await judged("sealed", { fields, outer })).warnings, ["FROM_MISMATCH"]);
});

test("seven days are not old, a millisecond more is, and the oldest signature is shown", async () => {
  const receivedAt = after(NOW, 7 * DAY);
  assert.deepEqual((await judged("sealed", { receivedAt })).warnings, []);
  const later = await judged("sealed", { receivedAt: after(receivedAt, 1) });
  assert.deepEqual([later.warnings, later.signedAt], [["OLD_SIGNATURE"], NOW]);
  const oldest = after(NOW, -8 * DAY);
  const several = await judged("sealed", {
    signatures: (one) => [
      { ...one, created: after(NOW, -HOUR) },
      { ...one, created: oldest },
      { ...one, created: undefined },
      one,
    ],
  });
  assert.equal(several.state, "ENCRYPTED_UNVERIFIED");
  assert.deepEqual([several.warnings, several.signedAt], [["OLD_SIGNATURE"], oldest]);
});
