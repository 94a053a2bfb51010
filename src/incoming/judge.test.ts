import assert from "node:assert/strict";
import { before, test } from "node:test";
import { after, DAY, fromUnixMs, HOUR, MINUTE } from "../base/time.ts";
import type { AuthorAnswer } from "../discovery/author.ts";
import { parseAddress, type EmailAddress } from "../mail/address.ts";
import { parseHeader } from "../mail/header.ts";
import { generateKey } from "../openpgp/generate.ts";
import type { Certificate } from "../openpgp/certificate.ts";
import { revokeFresh } from "../openpgp/revocation.ts";
import { readSecretKey, type UnlockedKey } from "../openpgp/secret-key.ts";
import { decrypt } from "../openpgp/decrypt.ts";
import { signAndEncrypt } from "../openpgp/encrypt.ts";
import { open } from "../pgpmime/open.ts";
import { seal } from "../pgpmime/seal.ts";
import type { AuthorDeps } from "./check-signature.ts";
import { serves, servesNothing, SILENT } from "../../test/support/authors.ts";
import { judgeSealed } from "./judge.ts";

const NOW = fromUnixMs(1_795_000_000_000);
const FROM = "Alice <alice@alpha.test>";
const TO = "bob@beta.test";

let alice: UnlockedKey;
let bob: UnlockedKey;
let mallory: UnlockedKey;

before(async () => {
  [alice, bob, mallory] = await Promise.all([
    newKey("alice@alpha.test"),
    newKey("bob@beta.test"),
    newKey("mallory@alpha.test"),
  ]);
});

async function newKey(text: string): Promise<UnlockedKey> {
  const made = await generateKey({
    address: address(text),
    profile: "compat",
    now: after(NOW, -30 * DAY),
  });
  return readSecretKey(made.secretKey);
}

function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert(parsed !== undefined);
  return parsed;
}

type Scene = {
  readonly from?: string;
  readonly outerFrom?: string;
  readonly to?: string;
  readonly date?: Date;
  readonly signer?: UnlockedKey;
  readonly intended?: readonly UnlockedKey[];
  readonly signedAt?: Date;
  readonly receivedAt?: Date;
  readonly answer?: AuthorAnswer;
  readonly former?: Certificate;
  /** Filled with the authors whose certificates were looked for. */
  readonly asked?: EmailAddress[];
};

/** Seals a message as the scene says and judges it as bob would receive it. */
async function judged(scene: Scene) {
  const date = (scene.date ?? NOW).toUTCString().replace("GMT", "+0000");
  const signer = scene.signer ?? alice;
  const sealed = await seal({
    message: Buffer.from(
      `From: ${scene.from ?? FROM}\r\nTo: ${scene.to ?? TO}\r\nDate: ${date}\r\n` +
        "Subject: Lease\r\nMessage-ID: <1@alpha.test>\r\n\r\nThe draft.\r\n",
    ),
    signer,
    recipients: [bob.certificate],
    intended: (scene.intended ?? [bob]).map((key) => key.fingerprint),
    now: scene.signedAt ?? NOW,
  });
  const text = Buffer.from(sealed).toString("latin1");
  const arrived = Buffer.from(
    scene.outerFrom === undefined
      ? text
      : text.replace(/^From: .*$/m, () => `From: ${scene.outerFrom ?? ""}`),
    "latin1",
  );
  const opened = await open({ message: arrived, keys: [bob] });
  assert.equal(opened.kind, "opened");
  return judgeSealed(depsFor(scene), reader(), {
    isEncrypted: true,
    outer: parseHeader(arrived).header,
    signed: opened.payload,
    signatures: opened.signatures,
    receivedAt: scene.receivedAt ?? NOW,
  });
}

function reader() {
  return {
    isAmong: async (addresses: readonly EmailAddress[]) =>
      Promise.resolve(addresses.some(({ local }) => ["bob", "bob+news"].includes(local))),
    fingerprints: [bob.fingerprint],
  };
}

function depsFor(scene: Scene): AuthorDeps {
  return {
    askAuthor: async (author) => {
      scene.asked?.push(author);
      return Promise.resolve(scene.answer ?? serves(alice.certificate));
    },
    askAuthorKey: async () =>
      Promise.resolve(
        scene.former === undefined
          ? { kind: "absent" as const }
          : { kind: "found" as const, certificate: scene.former },
      ),
  };
}

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
    assert.equal(verdict.check, signature === "later" ? "later" : "done");
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

test("a message meant for somebody else and sealed again to the reader is not addressed to him", async () => {
  const verdict = await judged({ to: "carol@beta.test", intended: [mallory] });
  assert.equal(verdict.state, "ENCRYPTED_UNVERIFIED");
  assert.deepEqual(verdict.warnings, ["NOT_ADDRESSED"]);
});

test("a wrong intended recipient counts even if To names the reader", async () => {
  const verdict = await judged({ intended: [mallory] });
  assert.equal(verdict.state, "ENCRYPTED_UNVERIFIED");
  assert.deepEqual(verdict.warnings, ["NOT_ADDRESSED"]);
});

test("a reader who got a blind copy is named in the signature of his copy", async () => {
  const verdict = await judged({ to: "carol@beta.test" });
  assert.equal(verdict.state, "CONFIDENTIAL");
});

test("without intended recipients the protected To decides", async () => {
  assert.equal((await judged({ intended: [] })).state, "CONFIDENTIAL");
  assert.equal(
    (await judged({ intended: [], to: "carol@beta.test" })).state,
    "ENCRYPTED_UNVERIFIED",
  );
  assert.equal((await judged({ intended: [], to: "bob+news@beta.test" })).state, "CONFIDENTIAL");
});

/** Judges a payload that alice signed, sealed to bob by anybody, with alice and bob standing outside. */
async function judgedPayload(
  fields: string,
  o: { readonly intended?: readonly UnlockedKey[]; readonly receivedAt?: Date } = {},
) {
  const outside = `From: ${FROM}\r\nTo: ${TO}\r\nSubject: ...\r\nDate: ${NOW.toUTCString()}\r\n\r\n`;
  const message = await signAndEncrypt({
    data: Buffer.from(`${fields}\r\n\r\nThe draft.\r\n`),
    signer: alice,
    recipients: [bob.certificate],
    intended: (o.intended ?? []).map((key) => key.fingerprint),
    now: NOW,
  });
  const opened = await decrypt({ message, keys: [bob] });
  assert.equal(opened.kind, "decrypted");
  return judgeSealed(depsFor({}), reader(), {
    isEncrypted: true,
    outer: parseHeader(Buffer.from(outside)).header,
    signed: opened.data,
    signatures: opened.signatures,
    receivedAt: o.receivedAt ?? NOW,
  });
}

const DATED = `Date: ${NOW.toUTCString().replace("GMT", "+0000")}`;
const INSIDE = `From: ${FROM}\r\nTo: ${TO}\r\nSubject: Lease\r\n${DATED}`;
const PLAIN = "Content-Type: text/plain";

test("a payload without header protection is signed text, and its outer fields are named as not signed", async () => {
  const verdict = await judgedPayload(PLAIN);
  assert.equal(verdict.state, "CONFIDENTIAL_BODY");
  assert.equal(verdict.signer, "alice@alpha.test");
  assert.equal(verdict.header, "unprotected");
  assert.deepEqual(verdict.unsigned, ["From", "To", "Subject", "Date"]);
  assert.deepEqual(verdict.warnings, []);
  assert.equal(verdict.evidence["addressee"], "unsaid");
});

test("an intended recipient fingerprint alone does not sign the fields that are shown", async () => {
  assert.equal((await judgedPayload(PLAIN, { intended: [bob] })).state, "CONFIDENTIAL_BODY");
  const foreign = await judgedPayload(PLAIN, { intended: [mallory] });
  assert.equal(foreign.state, "ENCRYPTED_UNVERIFIED");
  assert.deepEqual(foreign.warnings, ["NOT_ADDRESSED"]);
});

test('protected-headers="v1" is read as signed fields, and is confidential with an intended recipient', async () => {
  const v1 = `${PLAIN}; protected-headers="v1"\r\n${INSIDE}`;
  const verdict = await judgedPayload(v1);
  assert.equal(verdict.state, "CONFIDENTIAL_BODY");
  assert.deepEqual([verdict.header, verdict.unsigned], ["protected", []]);
  assert.equal((await judgedPayload(v1, { intended: [bob] })).state, "CONFIDENTIAL");
  const others = await judgedPayload(v1.replace(TO, "carol@beta.test"));
  assert.equal(others.state, "ENCRYPTED_UNVERIFIED");
  assert.deepEqual(others.warnings, ["NOT_ADDRESSED"]);
});

test("a displayed field that v1 leaves outside is not signed", async () => {
  const missing = INSIDE.replace(/To: .*\r\n/, "");
  const v1 = `${PLAIN}; protected-headers="v1"\r\n${missing}`;
  const verdict = await judgedPayload(v1, { intended: [bob] });
  assert.equal(verdict.state, "CONFIDENTIAL_BODY");
  assert.deepEqual([verdict.header, verdict.unsigned], ["partly", ["To"]]);
});

test("where hp stands, v1 counts for nothing", async () => {
  const both = `${PLAIN}; hp="other"; protected-headers="v1"\r\n${INSIDE}`;
  assert.equal((await judgedPayload(both)).header, "unprotected");
});

test("what its author signed in clear and somebody sealed afterwards is worth what it was in clear", async () => {
  const sealed = await judgedPayload(`${PLAIN}; hp="cipher"\r\n${INSIDE}`);
  assert.equal(sealed.state, "CONFIDENTIAL");
  const clear = `${PLAIN}; hp="clear"\r\n${INSIDE}`;
  assert.equal((await judgedPayload(clear)).state, "VERIFIED");
  const foreign = await judgedPayload(clear.replace(TO, "carol@beta.test"));
  assert.deepEqual([foreign.state, foreign.warnings], ["VERIFIED", ["NOT_ADDRESSED"]]);
  const intended = await judgedPayload(clear, { intended: [bob] });
  assert.deepEqual([intended.state, intended.signature], ["UNPROTECTED", "invalid"]);
});

test("without a protected date the signature is compared with the arrival", async () => {
  const fields = `${PLAIN}; hp="cipher"\r\n${INSIDE.replace(`\r\n${DATED}`, "")}`;
  const near = await judgedPayload(fields, { receivedAt: after(NOW, 4 * DAY) });
  assert.equal(near.state, "CONFIDENTIAL_BODY");
  assert.deepEqual(near.unsigned, ["Date"]);
  const far = await judgedPayload(fields, { receivedAt: after(NOW, 5 * DAY + MINUTE) });
  assert.equal(far.state, "ENCRYPTED_UNVERIFIED");
  assert.deepEqual(far.warnings, ["OLD_SIGNATURE"]);
  assert.deepEqual(far.signedAt, NOW);
});

test("a header with two readings protects nothing, whichever line makes the second", async () => {
  const head = `${PLAIN}; hp="cipher"`;
  for (const fields of [
    ` \r\n${INSIDE}\r\n${head}`,
    `${head}\r\nno field\r\n${INSIDE}`,
    `${head}\r\n${INSIDE.replace("From:", "From :")}`,
    `${head}\r\nX-A: a\rFrom: ceo@alpha.test\r\n${INSIDE}`,
    `${head}\r\nX-A: a\nX-B: b\r\n${INSIDE}`,
    `${head}\r\nX-A: a\0b\r\n${INSIDE}`,
    `${head}\r\nX-A: a\r\n \r\n${INSIDE}`,
    `${head}\r\n${INSIDE}\r\nSubject: other`,
    `${head}\r\n${INSIDE}\r\n${PLAIN}`,
  ]) {
    const { state, header } = await judgedPayload(fields, { intended: [bob] });
    assert.deepEqual([state, header], ["CONFIDENTIAL_BODY", "unprotected"], JSON.stringify(fields));
  }
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

test("a protected Bcc names the reader of a blind copy", async () => {
  const head = `${PLAIN}; hp="cipher"\r\n${INSIDE.replace(TO, "carol@beta.test")}`;
  assert.deepEqual((await judgedPayload(head)).warnings, ["NOT_ADDRESSED"]);
  assert.equal((await judgedPayload(`${head}\r\nBcc: bob@beta.test`)).state, "CONFIDENTIAL");
});

test("a signature from after the arrival is invalid, within ten minutes it is not", async () => {
  const late = await judged({ receivedAt: after(NOW, -11 * MINUTE) });
  assert.equal(late.signature, "invalid");
  const skewed = await judged({ receivedAt: after(NOW, -9 * MINUTE) });
  assert.equal(skewed.state, "CONFIDENTIAL");
});

test("a signature more than a day away from the message's date is invalid", async () => {
  const verdict = await judged({ date: after(NOW, -25 * HOUR) });
  assert.equal(verdict.signature, "invalid");
  assert.equal((await judged({ date: after(NOW, -23 * HOUR) })).state, "CONFIDENTIAL");
});

test("an old signed message that arrives again is shown with a warning", async () => {
  const verdict = await judged({ receivedAt: after(NOW, 8 * DAY) });
  assert.deepEqual(verdict.warnings, ["OLD_SIGNATURE"]);
});
