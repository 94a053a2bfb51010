/** What runs in this process: Sealpost as the gateway runs it, Node's primitives alone, and OpenPGP.js. */
import * as crypto from "node:crypto";

import {
  createMessage,
  decrypt,
  encrypt,
  readKey,
  readMessage,
  readPrivateKey,
  type Config,
} from "openpgp";

import type { CryptoPool } from "../../src/app/crypto-pool.ts";
import { systemClock } from "../../src/base/time.ts";
import { addressOf } from "../../test/support/address.ts";
import { messageConfig } from "../../test/support/message-config.ts";
import { type Kind, lane, type Pair } from "./lane.ts";

export const ALICE = "alice@alpha.test";
export const BOB = "bob@beta.test";

/**
 * The pool with its threads, PGP/MIME, protected header fields and armor; before sealing the certificate is accepted, after
 * opening the signature is verified and its signer bound, each with the memory that a gateway has.
 */
export async function sealpostLanes(
  pool: CryptoPool,
  { alice, bob }: Kind,
  message: Uint8Array,
): Promise<Pair> {
  const [from, to] = [addressOf(ALICE), addressOf(BOB)];
  const seal = async (): Promise<Uint8Array> => {
    const now = systemClock.now();
    const accepted = await pool.certificateWorkForUsers.acceptForEncryption(
      bob.certificate,
      to,
      now,
    );
    if (accepted.kind !== "acceptable") throw new Error(accepted.reason);
    const recipients = [accepted.certificate];
    return pool.seal({ message, signer: alice, recipients, intended: [bob.fingerprint], now });
  };
  const sealed = await seal();
  const open = async (): Promise<void> => {
    const now = systemClock.now();
    const opened = await pool.open({ message: sealed, keys: [bob] });
    const signature = opened.kind === "opened" ? opened.signatures[0] : undefined;
    if (opened.kind !== "opened" || signature?.created === undefined) throw new Error(opened.kind);
    const { verifyBound } = pool.certificateWork;
    const asked = { data: opened.payload, signature, certificate: alice.certificate, now };
    const bound = await verifyBound({ ...asked, address: from, subaddress: true });
    if (bound.kind !== "bound") throw new Error(bound.reason);
  };
  return { seal: lane("Sealpost", seal), open: lane("Sealpost", open) };
}

/**
 * The mathematics of one message and its base64, without any format: a lower bound. Sealing: a key pair and an agreement, or an
 * RSA encryption; a signature over SHA-512; the cipher, and for version 1 SHA-1.
 */
export function primitiveLanes({ isRsa, container }: Kind, data: Uint8Array): Pair {
  const session = crypto.randomBytes(32);
  const keys = isRsa ? rsaPrimitives() : curvePrimitives();
  const cipher = container === 1 ? CFB : OCB;
  const seal = () => {
    const wrapped = keys.wrap(session);
    const signature = keys.sign(crypto.createHash("sha512").update(data).digest());
    if (container === 1) crypto.createHash("sha1").update(data).digest();
    return { wrapped, signature, text: cipher.encrypt(session, data).toString("base64") };
  };
  const sealed = seal();
  const open = (): void => {
    keys.unwrap(sealed.wrapped);
    const plain = cipher.decrypt(session, Buffer.from(sealed.text, "base64"));
    if (container === 1) crypto.createHash("sha1").update(plain).digest();
    keys.verify(crypto.createHash("sha512").update(plain).digest(), sealed.signature);
  };
  return { seal: lane("primitives", seal), open: lane("primitives", open) };
}

const IV = Buffer.alloc(16);
const NONCE = Buffer.alloc(15);
const TAG = { authTagLength: 16 };
const CFB = {
  encrypt: (key: Buffer, data: Uint8Array) =>
    crypto.createCipheriv("aes-256-cfb", key, IV).update(data),
  decrypt: (key: Buffer, data: Uint8Array) =>
    crypto.createDecipheriv("aes-256-cfb", key, IV).update(data),
};
const OCB = {
  encrypt: (key: Buffer, data: Uint8Array) => {
    const cipher = crypto.createCipheriv("aes-256-ocb", key, NONCE, TAG);
    return Buffer.concat([cipher.update(data), cipher.final(), cipher.getAuthTag()]);
  },
  decrypt: (key: Buffer, data: Uint8Array) => {
    const cipher = crypto.createDecipheriv("aes-256-ocb", key, NONCE, TAG);
    cipher.setAuthTag(data.subarray(-16));
    const plain = cipher.update(data.subarray(0, -16));
    cipher.final();
    return plain;
  },
};

type Primitives = {
  readonly wrap: (session: Buffer) => Buffer | crypto.KeyObject;
  readonly unwrap: (wrapped: Buffer | crypto.KeyObject) => unknown;
  readonly sign: (digest: Buffer) => Buffer;
  readonly verify: (digest: Buffer, signature: Buffer) => boolean;
};

function curvePrimitives(): Primitives {
  const signer = crypto.generateKeyPairSync("ed25519");
  const reader = crypto.generateKeyPairSync("x25519");
  const agree = (privateKey: crypto.KeyObject, publicKey: crypto.KeyObject) =>
    crypto.diffieHellman({ privateKey, publicKey });
  return {
    wrap: () => {
      const ephemeral = crypto.generateKeyPairSync("x25519");
      agree(ephemeral.privateKey, reader.publicKey);
      return ephemeral.publicKey;
    },
    unwrap: (ephemeral) => agree(reader.privateKey, ephemeral as crypto.KeyObject),
    sign: (digest) => crypto.sign(null, digest, signer.privateKey),
    verify: (digest, signature) => crypto.verify(null, digest, signer.publicKey, signature),
  };
}

function rsaPrimitives(): Primitives {
  const { publicKey, privateKey } = crypto.generateKeyPairSync("rsa", { modulusLength: 3072 });
  const padding = crypto.constants.RSA_PKCS1_PADDING;
  return {
    wrap: (session) => crypto.publicEncrypt({ key: publicKey, padding }, session),
    unwrap: (wrapped) => crypto.privateDecrypt({ key: privateKey, padding }, wrapped as Buffer),
    sign: (digest) => crypto.privateEncrypt({ key: privateKey, padding }, digest),
    verify: (digest, signature) =>
      crypto.publicDecrypt({ key: publicKey, padding }, signature).equals(digest),
  };
}

/** Whole buffers, armored, with objects of the keys that were read once. */
export async function libraryLanes({ alice, bob, container }: Kind, data: Uint8Array) {
  const config: Partial<Config> = { ...messageConfig, aeadProtect: container === 2 };
  const secretOf = async (key: Kind["alice"]) => {
    using raw = key.secretBytes();
    return readPrivateKey({ binaryKey: Uint8Array.from(raw.reveal()), config });
  };
  const [signer, reader] = [await secretOf(alice), await secretOf(bob)];
  const encryptionKeys = await readKey({ binaryKey: bob.certificate.bytes, config });
  const verificationKeys = await readKey({ binaryKey: alice.certificate.bytes, config });
  const seal = async (): Promise<string> =>
    encrypt({
      message: await createMessage({ binary: data }),
      encryptionKeys,
      signingKeys: signer,
      config,
    });
  const sealed = await seal();
  const open = async (): Promise<void> => {
    const message = await readMessage({ armoredMessage: sealed, config });
    const read = { message, decryptionKeys: reader, verificationKeys, format: "binary" as const };
    const { signatures } = await decrypt({ ...read, config });
    await signatures[0]?.verified;
  };
  return { seal: lane("OpenPGP.js", seal), open: lane("OpenPGP.js", open) };
}
