/** Keys and forged messages for the tests of `openpgp/`. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import {
  type Config,
  type EllipticCurveName,
  type SubkeyOptions,
  generateKey as generateByLibrary,
} from "openpgp";

import { Secret } from "../../src/base/secret.ts";
import { HOUR, MINUTE, SECOND, after, fromUnixMs, systemClock } from "../../src/base/time.ts";
import { parseAddress } from "../../src/mail/address.ts";
import { recipientOf } from "../../src/openpgp/messages/container-choice.ts";
import { type Decrypted, decrypt } from "../../src/openpgp/messages/decrypt.ts";
import { signAndEncrypt } from "../../src/openpgp/messages/encrypt.ts";
import { generateKey } from "../../src/openpgp/keys/generate.ts";
import { PACKET, packet } from "../../src/openpgp/packets/packet.ts";
import { writePkesk } from "../../src/openpgp/messages/pkesk.ts";
import type { KeyProfile } from "../../src/openpgp/certificates/profile.ts";
import { lockForExport } from "../../src/openpgp/keys/lock-for-export.ts";
import { type UnlockedKey, readSecretKey } from "../../src/openpgp/keys/secret-key.ts";
import { startV1 } from "../../src/openpgp/packets/seipd.ts";
import { type SessionKey, newSessionKey } from "../../src/openpgp/packets/session-key.ts";
import { verifySignature } from "../../src/openpgp/messages/verify.ts";

/** A whole second, an hour after the test keys were made. */
export const NOW = fromUnixMs(Math.floor(systemClock.now().getTime() / SECOND) * SECOND - MINUTE);

/** A key as Sealpost makes it. */
export async function ownKey(text: string, profile: KeyProfile): Promise<UnlockedKey> {
  const address = parseAddress(text);
  assert(address);
  const now = after(NOW, -HOUR);
  const { secretKey } = await generateKey({ address, profile, now });
  return readSecretKey(secretKey);
}

/** A key of another kind, as a user may bring it along. */
export async function foreignKey(options: {
  readonly type: "rsa" | "ecc" | "curve25519" | "curve448";
  readonly rsaBits?: number;
  readonly curve?: EllipticCurveName;
  readonly subkeys?: SubkeyOptions[];
  readonly config?: Partial<Config>;
}): Promise<UnlockedKey> {
  const { privateKey } = await generateByLibrary({
    ...options,
    userIDs: [{ email: "foreign@other.test" }],
    date: after(NOW, -HOUR),
    format: "object",
  });
  return readSecretKey(new Secret(privateKey.write()));
}

export function sealFor(
  data: Uint8Array,
  signer: UnlockedKey,
  ...readers: readonly UnlockedKey[]
): Promise<Uint8Array> {
  const recipients = readers.map(({ certificate }) => certificate);
  const intended = readers.map(({ fingerprint }) => fingerprint);
  return signAndEncrypt({ data, signer, recipients, intended, now: NOW });
}

/** Opens and checks everything: the data, and that each signature is valid. */
export async function openFully(
  message: Uint8Array,
  reader: UnlockedKey,
  signer: UnlockedKey,
): Promise<Buffer> {
  const opened = await decrypt({ message, keys: [reader] });
  const { data, signatures } = expectDecrypted(opened);
  assert.equal(signatures.length, 1);
  for (const signature of signatures) {
    const now = after(NOW, 10 * MINUTE);
    const check = await verifySignature({
      data,
      signature,
      certificate: signer.certificate,
      now,
    });
    assert.equal(check.kind, "valid", JSON.stringify(check));
  }
  return Buffer.from(data);
}

export function expectDecrypted(opened: Decrypted): Extract<Decrypted, { kind: "decrypted" }> {
  assert(opened.kind === "decrypted", JSON.stringify(opened));
  return opened;
}

/** A message of version 1 with any packets inside, for a reader. */
export function forge(reader: UnlockedKey, ...inside: readonly Uint8Array[]): Buffer {
  const key = newSessionKey(9);
  return Buffer.concat([sessionKeyPacket(reader, key), sealedPacket(key, ...inside)]);
}

export function sessionKeyPacket(reader: UnlockedKey, key: SessionKey): Buffer {
  return writePkesk(3, recipientOf(reader.certificate, NOW).key, key);
}

export function sealedPacket(key: SessionKey, ...inside: readonly Uint8Array[]): Buffer {
  const plain = Buffer.concat(inside);
  const output = Buffer.alloc(plain.length + 100);
  const container = startV1(output, key);
  container.write(plain);
  return packet(PACKET.encrypted, output.subarray(0, container.end()));
}

export function literal(text: string | Uint8Array): Buffer {
  const head = Buffer.from("620000000000", "hex");
  return packet(PACKET.literal, head, Buffer.from(text));
}

/** GnuPG with a home of its own that is gone afterwards. */
export class Gpg implements Disposable {
  readonly #home = mkdtempSync(join(tmpdir(), "sealpost-gpg-"));

  run(args: readonly string[], input: Uint8Array = new Uint8Array()): Buffer {
    return this.#run([...args], input).stdout;
  }

  /** Status lines of a command, such as `[GNUPG:] GOODSIG ...`. */
  status(args: readonly string[], input: Uint8Array): { stdout: Buffer; status: string } {
    const file = join(this.#home, "status");
    const { stdout } = this.#run(["--status-file", file, ...args], input);
    return { stdout, status: readFileSync(file, "utf8") };
  }

  /** Status lines of checking a detached signature. */
  verifyDetached(signature: Uint8Array, data: Uint8Array): string {
    const file = join(this.#home, "signature");
    writeFileSync(file, signature);
    return this.status(["--verify", file, "-"], data).status;
  }

  #run(args: readonly string[], input: Uint8Array): { stdout: Buffer } {
    const always = ["--homedir", this.#home, "--batch", "--yes", "--quiet", "--no-tty"];
    const trust = ["--trust-model", "always", "--pinentry-mode", "loopback"];
    const options = { input, stdio: ["pipe", "pipe", "pipe"] as ["pipe", "pipe", "pipe"] };
    return { stdout: execFileSync("gpg", [...always, ...trust, ...args], options) };
  }

  /** Imports a secret key without a passphrase, so that nothing has to be derived from one. */
  importUnlocked(key: UnlockedKey): void {
    using raw = key.secretBytes();
    this.run(["--import"], raw.reveal());
  }

  /** Imports a secret key as a user would: locked with a passphrase. */
  async importLocked(key: UnlockedKey): Promise<void> {
    using passphrase = Secret.fromText(PASSPHRASE);
    this.run(["--passphrase", PASSPHRASE, "--import"], await lockForExport(key, passphrase));
  }

  [Symbol.dispose](): void {
    execFileSync("gpgconf", ["--homedir", this.#home, "--kill", "all"]);
    rmSync(this.#home, { recursive: true, force: true });
  }
}

export const PASSPHRASE = "correct horse battery staple";
