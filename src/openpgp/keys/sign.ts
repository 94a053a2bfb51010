import { type Hash, type Sign, createHash, createSign, randomBytes, sign } from "node:crypto";

import { AppError } from "../../base/errors.ts";
import { toUnixSeconds } from "../../base/time.ts";
import { MAY_SIGN } from "../certificates/flags.ts";
import { isPast } from "../certificates/validity.ts";
import { SHA512 } from "../packets/algorithms.ts";
import { bigEndian, cursorOver, writeInteger } from "../packets/cursor.ts";
import { type Fingerprint, keyIdOf } from "../packets/fingerprint.ts";
import { PACKET, packet } from "../packets/packet.ts";
import { signDigestInfo } from "../packets/rsa.ts";
import { SUBPACKET, trailerOf } from "../packets/signature-packet.ts";
import { type OwnKey, importSecret, ownKeys } from "./own-keys.ts";
import type { UnlockedKey } from "./secret-key.ts";

/** A binary signature in the making: hash the document, then finish (RFC 9580 §5.2.4). */
export type Signing = {
  /** What stands before a signed document within a message (RFC 9580 §5.4). */
  readonly onePassPacket: Buffer;
  readonly update: (document: Uint8Array) => void;
  /** The signature packet. */
  readonly finish: () => Buffer;
};

const BINARY = 0x00;
/** The next packet is no other one-pass signature. */
const IS_LAST = 1;
/** As many as a message may have session keys. */
const MAX_INTENDED = 64;
const RSA = 1;
const ED25519 = 27;
const ED448 = 28;

/**
 * Starts a signature by the newest signing key of `signer`: SHA-512; creation time, issuer fingerprint and one intended
 * recipient per fingerprint, none of them critical, because OpenPGP.js refuses a critical one (RFC 9580 §5.2.3.36 asks
 * v6 signers for it; we deviate). The signer's user ID is left out.
 * @throws AppError when no key of the signer may sign, or for more than 64 intended recipients
 */
export function startSigning(o: {
  readonly signer: UnlockedKey;
  readonly intended: readonly Fingerprint[];
  readonly now: Date;
}): Signing {
  return startSigningWith({ ...o, key: signingKeyOf(o.signer, o.now) });
}

/** As `startSigning`, with a key that was chosen already. */
export function startSigningWith(o: {
  readonly key: OwnKey;
  readonly intended: readonly Fingerprint[];
  readonly now: Date;
}): Signing {
  const { key } = o;
  const { version, fingerprint } = key.material;
  const unhashed = version === 6 ? Buffer.alloc(0) : subpacket(SUBPACKET.issuerKeyId, keyId(key));
  const hashed = hashedArea(fingerprint, o.intended, o.now);
  const signature = startSignature({ key, type: BINARY, hashed, unhashed });
  return {
    onePassPacket: onePassPacket(key, signature.salt),
    update: signature.update,
    finish: () => packet(PACKET.signature, signature.finish()),
  };
}

/**
 * Starts a signature of any type with SHA-512; the areas of subpackets are the caller's. `finish` gives the body of the
 * packet.
 */
export function startSignature(o: {
  readonly key: OwnKey;
  readonly type: number;
  readonly hashed: Uint8Array;
  readonly unhashed: Uint8Array;
}): {
  readonly salt: Buffer;
  readonly update: (signed: Uint8Array) => void;
  readonly finish: () => Buffer;
} {
  const { version, algorithm } = o.key.material;
  const salt = version === 6 ? randomBytes(SHA512.saltOctets) : Buffer.alloc(0);
  const head = Buffer.of(version, o.type, algorithm.id, SHA512.id);
  const lengthOctets = version === 6 ? 4 : 2;
  const hashedPart = Buffer.concat([head, bigEndian(o.hashed.length, lengthOctets), o.hashed]);
  const maker = signatureMaker(o.key);
  maker.update(salt);
  const finish = (): Buffer => {
    maker.update(trailerOf(version, hashedPart));
    const { digest, value } = maker.finish();
    return Buffer.concat([
      hashedPart,
      bigEndian(o.unhashed.length, lengthOctets),
      o.unhashed,
      digest.subarray(0, 2),
      version === 6 ? Buffer.of(salt.length) : Buffer.alloc(0),
      salt,
      value,
    ]);
  };
  return { salt, update: maker.update, finish };
}

/**
 * The newest signing subkey that has not expired, else the primary key. Whether the certificate is still valid is the
 * caller's question.
 */
function signingKeyOf(signer: UnlockedKey, now: Date): OwnKey {
  const [primary, ...subkeys] = ownKeys(signer);
  const mayUse = (key: OwnKey | undefined): key is OwnKey =>
    key !== undefined && key.material.maySign && (key.keyFlags & MAY_SIGN) !== 0 && !key.isRevoked;
  const newest = subkeys
    .filter((key) => mayUse(key) && !isPast(key.expires, now))
    .toSorted((a, b) => b.material.created.getTime() - a.material.created.getTime())[0];
  const found = newest ?? primary;
  if (!mayUse(found)) throw new AppError("the key may not sign", { temporary: false });
  return found;
}

function hashedArea(issuer: Fingerprint, intended: readonly Fingerprint[], now: Date): Buffer {
  if (intended.length > MAX_INTENDED) throw new AppError("too many intended", { temporary: false });
  return Buffer.concat([
    subpacket(SUBPACKET.created, bigEndian(toUnixSeconds(now), 4)),
    subpacket(SUBPACKET.issuer, versioned(issuer)),
    ...intended.map((each) => subpacket(SUBPACKET.intendedRecipient, versioned(each))),
  ]);
}

/** Key version and fingerprint (RFC 9580 §5.2.3.35). */
function versioned(fingerprint: Fingerprint): Buffer {
  const version = fingerprint.length === 40 ? 4 : 6;
  return Buffer.concat([Buffer.of(version), Buffer.from(fingerprint, "hex")]);
}

/** All of ours are short enough for a length of one octet (RFC 9580 §5.2.3.7). */
function subpacket(type: number, body: Buffer): Buffer {
  return Buffer.concat([Buffer.of(body.length + 1, type), body]);
}

function keyId({ material }: OwnKey): Buffer {
  return Buffer.from(keyIdOf(material.fingerprint), "hex");
}

function onePassPacket(key: OwnKey, salt: Buffer): Buffer {
  const { version, algorithm, fingerprint } = key.material;
  const head = Buffer.of(version === 6 ? 6 : 3, BINARY, SHA512.id, algorithm.id);
  const issuer =
    version === 6
      ? Buffer.concat([Buffer.of(salt.length), salt, Buffer.from(fingerprint, "hex")])
      : keyId(key);
  return packet(PACKET.onePassSignature, head, issuer, Buffer.of(IS_LAST));
}

/** Hashing and signing by the kind of the key; the secret is touched at the end alone. */
type SignatureMaker = {
  readonly update: (bytes: Uint8Array) => void;
  readonly finish: () => { readonly digest: Buffer; readonly value: Buffer };
};

function signatureMaker(key: OwnKey): SignatureMaker {
  const hash = createHash(SHA512.openssl);
  // OpenSSL hashes for ECDSA itself: then everything is hashed twice.
  const signer = key.publicPart.kind === "ec" ? createSign(SHA512.openssl) : undefined;
  return {
    update: (bytes) => {
      hash.update(bytes);
      signer?.update(bytes);
    },
    finish: () => valueOf(key, hash, signer),
  };
}

function valueOf(
  key: OwnKey,
  hash: Hash,
  signer: Sign | undefined,
): { readonly digest: Buffer; readonly value: Buffer } {
  const digest = hash.digest();
  const secret = importSecret(key);
  const { id } = key.material.algorithm;
  if (signer !== undefined) {
    return { digest, value: twoIntegers(signer.sign({ key: secret, dsaEncoding: "ieee-p1363" })) };
  }
  if (id <= RSA + 2) {
    const info = Buffer.concat([Buffer.from(SHA512.digestInfo, "hex"), digest]);
    return { digest, value: writeInteger(signDigestInfo(secret, info)) };
  }
  const value = sign(null, digest, secret);
  return { digest, value: id === ED25519 || id === ED448 ? value : twoIntegers(value) };
}

/** R and S, which the legacy forms write as integers (RFC 9580 §5.2.3.2, §5.2.3.3). */
function twoIntegers(value: Uint8Array): Buffer {
  const cursor = cursorOver(value);
  const half = value.length / 2;
  return Buffer.concat([writeInteger(cursor.take(half)), writeInteger(cursor.take(half))]);
}
