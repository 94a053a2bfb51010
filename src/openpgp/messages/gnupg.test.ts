/** GnuPG 2.2 opens and verifies our messages, and we open and verify its. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";

import {
  Gpg,
  NOW,
  PASSPHRASE,
  expectDecrypted,
  foreignKey,
  openFully,
  ownKey,
  sealFor,
} from "../../../test/support/openpgp-messages.ts";
import { signDetached } from "../../../test/support/signatures.ts";
import type { UnlockedKey } from "../keys/secret-key.ts";
import { armorMessage } from "../packets/armor.ts";
import { decrypt } from "./decrypt.ts";
import { readDetachedSignatures } from "./signature-facts.ts";
import { verifySignature } from "./verify.ts";

const alice = await ownKey("alice@alpha.test", "compat");
const bob = await ownKey("bob@beta.test", "compat");
const rsa = await foreignKey({ type: "rsa", rsaBits: 3072 });
const p256 = await foreignKey({ type: "ecc", curve: "nistP256" });
const READERS: readonly [string, UnlockedKey][] = [
  ["Curve25519", bob],
  ["RSA-3072", rsa],
  ["P-256", p256],
];
const WITH_PASSPHRASE = ["--passphrase", PASSPHRASE];

const signing = ({ fingerprint }: UnlockedKey): readonly string[] => [
  "--sign",
  "--encrypt",
  "--local-user",
  fingerprint,
];

async function withGpg(act: (gpg: Gpg) => Promise<void>): Promise<void> {
  using gpg = new Gpg();
  for (const key of [alice, bob, rsa, p256]) gpg.importUnlocked(key);
  await act(gpg);
}

test("GnuPG opens ours with a good signature, by every kind of key", () =>
  withGpg(async (gpg) => {
    for (const [name, reader] of READERS) {
      for (const signer of [alice, rsa, p256]) {
        for (const size of [0, 5000, 300_000]) {
          const data = randomBytes(size);
          const sealed = armorMessage(await sealFor(data, signer, reader));
          const { stdout, status } = gpg.status(["--decrypt"], sealed);
          assert.deepEqual(stdout, data, name);
          assert.match(status, /\[GNUPG:\] GOODSIG /);
          assert.match(status, /\[GNUPG:\] GOODMDC/);
          assert.match(status, new RegExp(`VALIDSIG \\S* ?.*${signer.fingerprint}`));
        }
      }
    }
  }));

test("a user who takes his locked key away reads with GnuPG what was sealed for him", async () => {
  using gpg = new Gpg();
  gpg.importUnlocked(alice);
  await gpg.importLocked(bob);
  const data = randomBytes(20_000);
  const sealed = armorMessage(await sealFor(data, alice, bob));
  const { stdout, status } = gpg.status([...WITH_PASSPHRASE, "--decrypt"], sealed);
  assert.deepEqual(stdout, data);
  assert.match(status, /\[GNUPG:\] GOODSIG /);
});

test("we open and verify what GnuPG signs and encrypts, by every kind of key", () =>
  withGpg(async (gpg) => {
    for (const [name, reader] of READERS) {
      for (const signer of [alice, rsa, p256]) {
        const data = randomBytes(100_000);
        const sealed = gpg.run(
          ["--armor", ...signing(signer), "--recipient", reader.fingerprint],
          data,
        );
        assert.deepEqual(await openFully(sealed, reader, signer), data, name);
      }
    }
  }));

const OPTIONS: readonly (readonly string[])[] = [
  ["--compress-algo", "none"],
  ["--compress-algo", "zip"],
  ["--compress-algo", "zlib"],
  ["--textmode"],
  ["--cipher-algo", "AES128"],
  ["--cipher-algo", "AES192"],
  ["--digest-algo", "SHA256"],
  ["--digest-algo", "SHA384"],
  ["--set-filename", "_CONSOLE"],
  ["--no-armor"],
  ["--throw-keyids"],
];

test("we open what GnuPG makes with its options", () =>
  withGpg(async (gpg) => {
    const data = Buffer.from("First line\r\nand a second one\r\n".repeat(1000));
    for (const options of OPTIONS) {
      const sealed = gpg.run(
        ["--armor", ...signing(alice), "--recipient", bob.fingerprint, ...options],
        data,
      );
      assert.deepEqual(await openFully(sealed, bob, alice), data, options.join(" "));
    }
  }));

test("a hidden recipient opens, beside one who is named", () =>
  withGpg(async (gpg) => {
    for (const [name, hidden] of READERS) {
      const recipients = [
        "--hidden-recipient",
        hidden.fingerprint,
        "--recipient",
        alice.fingerprint,
      ];
      const sealed = gpg.run(["--armor", "--encrypt", ...recipients], Buffer.from("hidden"));
      for (const keys of [[hidden], [alice], [bob, rsa, p256]]) {
        const opened = expectDecrypted(await decrypt({ message: sealed, keys }));
        assert.equal(Buffer.from(opened.data).toString(), "hidden", name);
      }
      const stranger = READERS.find(([, key]) => key !== hidden)?.[1];
      assert(stranger);
      const closed = await decrypt({ message: sealed, keys: [stranger] });
      assert.deepEqual(closed.kind, "no-key", name);
    }
  }));

const NOT_READ: readonly [string, readonly string[], string][] = [
  ["BZip2", ["--encrypt", "--compress-algo", "bzip2"], "BZip2 compression"],
  ["3DES", ["--encrypt", "--cipher-algo", "3DES"], "Triple DES"],
  ["CAST5", ["--encrypt", "--cipher-algo", "CAST5"], "CAST5"],
  ["Blowfish", ["--encrypt", "--cipher-algo", "BLOWFISH"], "Blowfish"],
  ["Twofish", ["--encrypt", "--cipher-algo", "TWOFISH"], "Twofish"],
  ["Camellia-128", ["--encrypt", "--cipher-algo", "CAMELLIA128"], "Camellia"],
  ["Camellia-256", ["--encrypt", "--cipher-algo", "CAMELLIA256"], "Camellia"],
  [
    "no MDC",
    ["--encrypt", "--rfc2440", "--disable-mdc"],
    "encryption without integrity protection",
  ],
];

for (const [name, args, form] of NOT_READ) {
  test(`what GnuPG makes with ${name} is not damaged: it is named as a form that is not read`, () =>
    withGpg(async (gpg) => {
      for (const reader of [bob, rsa]) {
        const to = ["--recipient", reader.fingerprint];
        const sealed = gpg.run([...args, ...to], Buffer.alloc(5000, "text"));
        const opened = await decrypt({ message: sealed, keys: [bob, rsa] });
        assert.deepEqual(opened, { kind: "unsupported", form });
      }
    }));
}

test("a message for a key and a password opens with the key, one for a password alone is named", () =>
  withGpg(async (gpg) => {
    const passphrase = ["--pinentry-mode", "loopback", "--passphrase", "abc", "--symmetric"];
    const both = gpg.run(
      [...passphrase, "--encrypt", "--recipient", bob.fingerprint],
      Buffer.from("hello"),
    );
    const opened = expectDecrypted(await decrypt({ message: both, keys: [bob] }));
    assert.equal(Buffer.from(opened.data).toString(), "hello");
    const alone = gpg.run(passphrase, Buffer.from("hello"));
    assert.deepEqual(await decrypt({ message: alone, keys: [bob] }), {
      kind: "unsupported",
      form: "a password and no key",
    });
  }));

test("what GnuPG marks as a MIME entity (literal format m) is read", () =>
  withGpg(async (gpg) => {
    const args = ["--rfc4880bis", "--mimemode", "--encrypt", "--recipient", bob.fingerprint];
    const sealed = gpg.run(args, Buffer.from("Content-Type: text/plain\r\n\r\nhi\r\n"));
    const opened = expectDecrypted(await decrypt({ message: sealed, keys: [bob] }));
    assert.equal(Buffer.from(opened.data).toString(), "Content-Type: text/plain\r\n\r\nhi\r\n");
  }));

test("detached signatures verify both ways", () =>
  withGpg(async (gpg) => {
    const data = Buffer.from("Content-Type: text/plain\r\n\r\nSigned.\r\n");
    for (const signer of [alice, rsa, p256]) {
      const args = ["--local-user", signer.fingerprint, "--detach-sign"];
      for (const form of [["--armor"], ["--no-armor"], ["--textmode", "--armor"]]) {
        const signatures = readDetachedSignatures(gpg.run([...form, ...args], data));
        assert.equal(signatures?.length, 1);
        for (const signature of signatures) {
          const { certificate } = signer;
          const check = await verifySignature({ data, signature, certificate });
          assert.equal(check.kind, "valid");
          const other = Buffer.concat([data, Buffer.from("\r\n")]);
          const wrong = await verifySignature({ data: other, signature, certificate });
          assert.equal(wrong.kind, "invalid");
        }
      }
      const packet = await signDetached({ data, signer, intended: [bob.fingerprint], now: NOW });
      const [facts] = readDetachedSignatures(packet) ?? [];
      assert.deepEqual(facts?.intended, [bob.fingerprint]);
      assert.match(gpg.verifyDetached(packet, data), /\[GNUPG:\] GOODSIG /);
    }
  }));
