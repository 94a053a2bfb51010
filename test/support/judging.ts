/** A sealed message from alice, as bob receives and judges it: `before(makePeople)`. */
import assert from "node:assert/strict";

import { after, DAY, fromUnixMs } from "../../src/base/time.ts";
import type { AuthorAnswer } from "../../src/discovery/author.ts";
import { parseAddress, type EmailAddress } from "../../src/mail/address.ts";
import { parseHeader } from "../../src/mail/header.ts";
import { generateKey } from "../../src/openpgp/keys/generate.ts";
import type { Certificate } from "../../src/openpgp/certificates/certificate.ts";
import { readSecretKey, type UnlockedKey } from "../../src/openpgp/keys/secret-key.ts";
import { decrypt } from "../../src/openpgp/messages/decrypt.ts";
import { signAndEncrypt } from "../../src/openpgp/messages/encrypt.ts";
import { open } from "../../src/pgpmime/pgpmime.ts";
import { seal } from "../../src/pgpmime/seal.ts";
import type { AuthorDeps } from "../../src/incoming/check-signature.ts";
import { serves } from "./authors.ts";
import { judgeSealed } from "../../src/incoming/judge.ts";

export async function makePeople(): Promise<void> {
  [alice, bob, mallory] = await Promise.all([
    newKey("alice@alpha.test"),
    newKey("bob@beta.test"),
    newKey("mallory@alpha.test"),
  ]);
}

export const NOW = fromUnixMs(1_795_000_000_000);

export const FROM = "Alice <alice@alpha.test>";

export const TO = "bob@beta.test";

export let alice: UnlockedKey;

export let bob: UnlockedKey;

export let mallory: UnlockedKey;

export async function newKey(text: string): Promise<UnlockedKey> {
  const made = await generateKey({
    address: address(text),
    profile: "compat",
    now: after(NOW, -30 * DAY),
  });
  return readSecretKey(made.secretKey);
}

export function address(text: string): EmailAddress {
  const parsed = parseAddress(text);
  assert(parsed !== undefined);
  return parsed;
}

export type Scene = {
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
export async function judged(scene: Scene) {
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

export function reader() {
  return {
    isAmong: async (addresses: readonly EmailAddress[]) =>
      Promise.resolve(addresses.some(({ local }) => ["bob", "bob+news"].includes(local))),
    fingerprints: [bob.fingerprint],
  };
}

export function depsFor(scene: Scene): AuthorDeps {
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

/** Judges a payload that alice signed, sealed to bob by anybody, with alice and bob standing outside. */
export async function judgedPayload(
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

export const DATED = `Date: ${NOW.toUTCString().replace("GMT", "+0000")}`;

export const INSIDE = `From: ${FROM}\r\nTo: ${TO}\r\nSubject: Lease\r\n${DATED}`;

export const PLAIN = "Content-Type: text/plain";
