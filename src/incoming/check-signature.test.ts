import assert from "node:assert/strict";
import { before, test } from "node:test";

import { authorDeps, serves, servesNothing, SILENT } from "../../test/support/authors.ts";
import { expectDecrypted, NOW, ownKey } from "../../test/support/openpgp-messages.ts";
import { TooCostly } from "../base/errors.ts";
import { after, DAY, HOUR, MINUTE, SECOND } from "../base/time.ts";
import type { AuthorAnswer, AuthorKeyAnswer } from "../discovery/author.ts";
import { parseAddress } from "../mail/address.ts";
import { revokeFresh } from "../openpgp/keys/revocation.ts";
import type { UnlockedKey } from "../openpgp/keys/secret-key.ts";
import { decrypt } from "../openpgp/messages/decrypt.ts";
import { signAndEncrypt } from "../openpgp/messages/encrypt.ts";
import type { SignatureFacts } from "../openpgp/messages/signature-facts.ts";
import { certificateWorkHere, type CertificateWork } from "../openpgp/openpgp.ts";
import { keyIdOf, parseFingerprint } from "../openpgp/packets/fingerprint.ts";
import { checkSignature } from "./check-signature.ts";

const author = parseAddress("alice@alpha.test");
const DATA = Buffer.from("Text.\r\n");

let alice: UnlockedKey;
let mallory: UnlockedKey;
let good: SignatureFacts;
/** A signature of alice's over another text. */
let bad: SignatureFacts;

before(async () => {
  [alice, mallory] = await Promise.all([
    ownKey("alice@alpha.test", "compat"),
    ownKey("mallory@alpha.test", "compat"),
  ]);
  good = await signatureOver(DATA);
  bad = await signatureOver(Buffer.from("Other text.\r\n"));
});

async function signatureOver(data: Uint8Array): Promise<SignatureFacts> {
  const recipients = [mallory.certificate];
  const message = await signAndEncrypt({ data, signer: alice, recipients, intended: [], now: NOW });
  const [facts] = expectDecrypted(await decrypt({ message, keys: [mallory] })).signatures;
  assert(facts !== undefined);
  return facts;
}

type Scene = {
  readonly signatures?: readonly SignatureFacts[];
  readonly answer?: AuthorAnswer;
  readonly key?: AuthorKeyAnswer;
  readonly date?: Date;
  readonly arrivedAt?: Date;
  readonly work?: Partial<CertificateWork>;
};

/** The kind, and the reason or how the key ended. */
async function check(scene: Scene): Promise<readonly [string, string | undefined]> {
  const { answer = serves(alice.certificate), arrivedAt = NOW } = scene;
  const checked = await checkSignature(
    {
      ...authorDeps(answer, scene.key),
      certificateWork: { ...certificateWorkHere, ...scene.work },
    },
    { signed: DATA, signatures: scene.signatures ?? [good], receivedAt: arrivedAt },
    scene.date,
    author,
    author,
  );
  return checked.kind === "verified"
    ? [checked.kind, checked.formerKey?.how]
    : [checked.kind, checked.reason];
}

const VERIFIED = ["verified", undefined] as const;

test("a signature that takes too long to check is neither good nor bad, and is tried again", async () => {
  const tooCostly = async (): Promise<never> => Promise.reject(new TooCostly("too expensive"));
  assert.deepEqual(await check({ work: { verifyBound: tooCostly } }), [
    "later",
    "too costly to check",
  ]);
});

test("several signatures count only if every one of them is good, in any order", async () => {
  assert.deepEqual(await check({ signatures: [], answer: SILENT }), ["none", "no signature"]);
  assert.deepEqual(await check({ signatures: [bad] }), ["invalid", "it does not verify"]);
  assert.deepEqual(await check({ signatures: [good, good] }), VERIFIED);
  for (const signatures of [
    [good, bad],
    [bad, good],
    [good, bad, good],
  ]) {
    const [kind] = await check({ signatures });
    assert.equal(kind, "invalid");
  }
});

test("where a domain has no proven service, no key that is known otherwise counts", async () => {
  for (const code of ["NOSVC", "INSEC"] as const) {
    const answer = { ...serves(alice.certificate), code };
    const key = { kind: "found", certificate: alice.certificate } as const;
    assert.deepEqual(await check({ answer, key }), ["unknown", code]);
  }
  assert.deepEqual(await check({ answer: SILENT }), ["later", "not asked"]);
});

test("a weak signature, and one that does not say when it was made, are invalid", async () => {
  assert.deepEqual(await check({ signatures: [{ ...good, isWeak: true }] }), ["invalid", "weak"]);
  const undated = { ...good, created: undefined };
  assert.deepEqual(await check({ signatures: [undated] }), ["invalid", "no creation time"]);
});

test("a signature that expires counts until then", async () => {
  for (const [expires, kind] of [
    [after(NOW, SECOND), "verified"],
    [NOW, "invalid"],
  ] as const) {
    assert.equal((await check({ signatures: [{ ...good, expires }] }))[0], kind);
  }
});

const OTHER_TIME = "signed at another time than the message's date";
for (const [what, edge, scene, reason] of [
  [
    "ten minutes after the arrival",
    10 * MINUTE,
    (ms: number) => ({ arrivedAt: after(NOW, -ms) }),
    "signed after it arrived",
  ],
  ["a day before the protected date", DAY, (ms: number) => ({ date: after(NOW, ms) }), OTHER_TIME],
  ["a day after the protected date", DAY, (ms: number) => ({ date: after(NOW, -ms) }), OTHER_TIME],
  [
    "five days before the arrival",
    5 * DAY,
    (ms: number) => ({ arrivedAt: after(NOW, ms) }),
    "signed long before it arrived, with no date",
  ],
] as const) {
  test(`a signature from ${what} counts, from a millisecond further away it does not`, async () => {
    assert.deepEqual(await check(scene(edge)), VERIFIED);
    assert.deepEqual(await check(scene(edge + 1)), ["invalid", reason]);
  });
}

test("with a protected date mail may be long on its way", async () => {
  assert.deepEqual(await check({ date: NOW, arrivedAt: after(NOW, 20 * DAY) }), VERIFIED);
});

test("a key that never ended counts only where the domain named it when the message came", async () => {
  const { certificate, fingerprint } = alice;
  const key = { kind: "found", certificate } as const;
  for (const answer of [serves(mallory.certificate), servesNothing()]) {
    const unknown = ["unknown", answer.code === "OK" ? "signed by another key" : "NOKEY"];
    const named = new Set([fingerprint]);
    assert.deepEqual(await check({ answer: { ...answer, named }, key }), VERIFIED);
    for (const other of [key, { kind: "absent" } as const]) {
      assert.deepEqual(await check({ answer, key: other }), unknown);
    }
    const silence = { kind: "unreachable", reason: "timeout" } as const;
    assert.deepEqual(await check({ answer, key: silence }), ["later", "timeout"]);
  }
  const since = { ...serves(certificate), named: new Set([mallory.fingerprint]) };
  assert.deepEqual(await check({ answer: since, key }), ["unknown", "signed by another key"]);
});

test("a signature that names its key by the ID alone is checked with what the domain serves", async () => {
  const short = { ...good, issuer: undefined };
  assert.deepEqual(await check({ signatures: [short] }), VERIFIED);
  const revoked = { reasonCode: 2, at: NOW };
  // Nobody is asked for a key whose fingerprint is not known.
  const key = { kind: "found", certificate: alice.certificate, revoked } as const;
  const answer = serves(mallory.certificate);
  const unknown = ["unknown", "signed by another key"];
  assert.deepEqual(await check({ signatures: [short], answer, key }), unknown);
  const stranger = parseFingerprint("A1".repeat(20));
  assert(stranger !== undefined);
  const other = { ...short, issuerKeyId: keyIdOf(stranger) };
  assert.deepEqual(await check({ signatures: [other] }), unknown);
});

test("a signature of a kind that nobody knows is unknown, and one of a weak kind invalid", async () => {
  const other = { ...good, hash: "unknown", isWeak: true, created: undefined };
  const unknown = ["unknown", "of a kind that is not known"];
  assert.deepEqual(await check({ signatures: [other] }), unknown);
  assert.deepEqual(await check({ signatures: [good, other] }), unknown);
  const weak = { ...good, hash: "sha1", isWeak: true };
  assert.deepEqual(await check({ signatures: [weak] }), ["invalid", "weak"]);
});

test("of several ends of a key the first one counts, and a hard one always", async () => {
  const at = after(NOW, HOUR);
  const revoked = await revokeFresh({ key: alice, reasonCode: 1, text: "", now: at });
  const arrivedAt = after(NOW, 2 * HOUR);
  const scene = (reasonCode: number, when: Date): Scene => ({
    answer: serves(mallory.certificate),
    key: { kind: "found", certificate: revoked, revoked: { reasonCode, at: when } },
    arrivedAt,
    date: NOW,
  });
  assert.deepEqual(await check(scene(3, after(at, SECOND))), ["verified", "superseded"]);
  assert.deepEqual(await check(scene(3, at)), ["verified", "superseded"]);
  const retired = ["invalid", "arrived too long after its key"];
  assert.deepEqual(await check(scene(3, after(at, -SECOND))), retired);
  assert.deepEqual(await check(scene(1, after(NOW, 1))), ["verified", "superseded"]);
  assert.deepEqual(await check(scene(1, NOW)), ["invalid", "revoked-before"]);
  assert.deepEqual(await check(scene(2, after(NOW, DAY))), ["invalid", "hard-revoked"]);
});

test("a key of our own domain that was replaced counts for five days, as any other", async () => {
  const answer = { ...serves(mallory.certificate), code: "LOCAL" } as const;
  const { certificate } = alice;
  const revoked = { reasonCode: 1, at: after(NOW, HOUR) };
  const key = { kind: "found", certificate, revoked } as const;
  const scene = { answer, key, date: NOW };
  for (const [ms, kind] of [
    [5 * DAY, "verified"],
    [5 * DAY + 1, "invalid"],
  ] as const) {
    assert.equal((await check({ ...scene, arrivedAt: after(revoked.at, ms) }))[0], kind);
  }
});
