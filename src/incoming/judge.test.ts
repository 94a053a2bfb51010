import assert from "node:assert/strict";
import { before, test } from "node:test";
import { after, DAY, fromUnixMs, HOUR, MINUTE } from "../base/time.ts";
import type { Discovery } from "../discovery/outcome.ts";
import { parseAddress, type EmailAddress } from "../mail/address.ts";
import { parseHeader } from "../mail/header.ts";
import { generateKey } from "../openpgp/generate.ts";
import { readSecretKey, type UnlockedKey } from "../openpgp/secret-key.ts";
import { decrypt } from "../openpgp/decrypt.ts";
import { signAndEncrypt } from "../openpgp/encrypt.ts";
import { open } from "../pgpmime/open.ts";
import { protectedView } from "../pgpmime/protected-headers.ts";
import { seal } from "../pgpmime/seal.ts";
import type { AuthorDeps } from "./check-signature.ts";
import { judge } from "./judge.ts";

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
  readonly discovery?: Discovery;
  readonly former?: UnlockedKey;
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
  return judge(depsFor(scene), reader(), {
    isEncrypted: true,
    outer: parseHeader(arrived).header,
    protectedHeader: opened.protectedHeader,
    signed: opened.payload,
    signatures: opened.signatures,
    receivedAt: scene.receivedAt ?? NOW,
  });
}

function reader() {
  return { addresses: [address("bob@beta.test")], fingerprints: [bob.fingerprint] };
}

function depsFor(scene: Scene): AuthorDeps {
  return {
    discoverAuthor: async (author) => {
      scene.asked?.push(author);
      return Promise.resolve(scene.discovery ?? found(alice));
    },
    findFormer: async () =>
      Promise.resolve(
        scene.former === undefined
          ? { kind: "absent" as const }
          : { kind: "found" as const, certificate: scene.former.certificate },
      ),
  };
}

function found(key: UnlockedKey): Discovery {
  const evidence = { checkedAt: NOW };
  const { certificate } = key;
  return { kind: "found", code: "OK", source: "hkp", certificate, fetchedAt: NOW, evidence };
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
  const verdict = await judged({ signer: mallory, former: mallory });
  assert.equal(verdict.state, "ENCRYPTED_UNVERIFIED");
  assert.equal(verdict.signature, "invalid");
});

test("a former key of the author, found by its fingerprint, verifies", async () => {
  const verdict = await judged({ former: alice, discovery: found(mallory) });
  assert.equal(verdict.state, "CONFIDENTIAL");
});

const unsure: readonly (readonly [string, Discovery, string])[] = [
  ["publishes no key", { kind: "absent", code: "NOKEY", evidence: { checkedAt: NOW } }, "unknown"],
  ["has no service", { kind: "absent", code: "NOSVC", evidence: { checkedAt: NOW } }, "unknown"],
  [
    "cannot be asked now",
    { kind: "unreachable", code: "UNSURE-KS", reason: "timeout", evidence: { checkedAt: NOW } },
    "later",
  ],
];
for (const [what, discovery, signature] of unsure) {
  test(`a signature whose author's domain ${what} is not verified`, async () => {
    const verdict = await judged({ discovery });
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
async function judgedPayload(fields: string, intended: readonly UnlockedKey[] = []) {
  const outside = `From: ${FROM}\r\nTo: ${TO}\r\nDate: ${NOW.toUTCString()}\r\n\r\n`;
  const message = await signAndEncrypt({
    data: Buffer.from(`${fields}\r\n\r\nThe draft.\r\n`),
    signer: alice,
    recipients: [bob.certificate],
    intended: intended.map((key) => key.fingerprint),
    now: NOW,
  });
  const opened = await decrypt({ message, keys: [bob] });
  assert.equal(opened.kind, "decrypted");
  const outer = parseHeader(Buffer.from(outside)).header;
  return judge(depsFor({}), reader(), {
    isEncrypted: true,
    outer,
    ...protectedView(outer, opened.data),
    signed: opened.data,
    signatures: opened.signatures,
    receivedAt: NOW,
  });
}

const INSIDE = `From: ${FROM}\r\nTo: ${TO}\r\nDate: ${NOW.toUTCString()}`;

test("a To that stands outside alone does not say for whom the author sealed", async () => {
  const verdict = await judgedPayload("Content-Type: text/plain");
  assert.equal(verdict.signature, "verified");
  assert.equal(verdict.state, "ENCRYPTED_UNVERIFIED");
  assert.deepEqual(verdict.warnings, ["NOT_ADDRESSED"]);
  assert.equal((await judgedPayload("Content-Type: text/plain", [bob])).state, "CONFIDENTIAL");
});

test("what its author signed in clear and somebody sealed afterwards is not CONFIDENTIAL", async () => {
  const sealed = await judgedPayload(`Content-Type: text/plain; hp="cipher"\r\n${INSIDE}`);
  assert.equal(sealed.state, "CONFIDENTIAL");
  const clear = await judgedPayload(`Content-Type: text/plain; hp="clear"\r\n${INSIDE}`);
  assert.equal(clear.state, "ENCRYPTED_UNVERIFIED");
});

test("a signature over a message without a date is not believed, whatever date stands outside", async () => {
  const inside = INSIDE.replace(/\r\nDate.*/, "");
  const verdict = await judgedPayload(`Content-Type: text/plain; hp="cipher"\r\n${inside}`);
  assert.equal(verdict.signature, "invalid");
  assert.equal(verdict.state, "ENCRYPTED_UNVERIFIED");
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
