import { type KeyObject, createECDH, diffieHellman, generateKeyPairSync } from "node:crypto";

import { type OwnKey, importSecret } from "../keys/own-keys.ts";
import { type Cursor, bigEndian, cursorOver, writeInteger } from "../packets/cursor.ts";
import { Damaged } from "../packets/damaged.ts";
import {
  type Fingerprint,
  type KeyId,
  fingerprintOfBytes,
  keyIdOf,
  parseKeyId,
} from "../packets/fingerprint.ts";
import type { KeyMaterial } from "../packets/key-material.ts";
import {
  ecdhKek,
  montgomeryKek,
  padded,
  unpadded,
  unwrapKey,
  wrapKey,
} from "../packets/key-wrap.ts";
import { type PublicPart, ecScalarOf, peerKeyOf, publicKeyOf } from "../packets/native-key.ts";
import { PACKET, packet } from "../packets/packet.ts";
import { rsaDecrypt, rsaEncrypt } from "../packets/rsa.ts";
import { type SessionKey, checksumOf, keyOctetsOf, newSessionKey } from "../packets/session-key.ts";

/** A public key encrypted session key packet (RFC 9580 §5.1). */
export type Pkesk = {
  readonly version: 3 | 6;
  /** Undefined: the recipient is not named. */
  readonly keyId: KeyId | undefined;
  /** In version 6 alone. */
  readonly fingerprint: Fingerprint | undefined;
  readonly algorithm: number;
  readonly body: Buffer;
};

/** A key to encrypt to. */
export type RecipientKey = { readonly material: KeyMaterial; readonly publicPart: PublicPart };

/** Reads a packet's body; undefined for versions that we do not know, which are passed over. @throws Damaged */
export function readPkesk(bytes: Uint8Array): Pkesk | undefined {
  const cursor = cursorOver(bytes);
  const version = cursor.octet();
  if (version === 3) {
    const id = cursor.take(8).toString("hex");
    const keyId = /^0+$/.test(id) ? undefined : parseKeyId(id);
    const algorithm = cursor.octet();
    return { version, keyId, fingerprint: undefined, algorithm, body: cursor.rest() };
  }
  if (version !== 6) return undefined;
  const recipient = cursor.take(cursor.octet());
  const fingerprint =
    recipient.length === 0 ? undefined : fingerprintOfBytes(recipient.subarray(1));
  if (fingerprint === undefined && recipient.length > 0) return undefined;
  const keyId = fingerprint && keyIdOf(fingerprint);
  return { version, keyId, fingerprint, algorithm: cursor.octet(), body: cursor.rest() };
}

/** The session key for one recipient. The version follows that of the container (RFC 9580 §10.3.2.1). */
export function writePkesk(
  version: 3 | 6,
  { material, publicPart }: RecipientKey,
  sessionKey: SessionKey,
): Buffer {
  const { fingerprint, algorithm } = material;
  const octets = Buffer.from(fingerprint, "hex");
  const recipient =
    version === 6
      ? Buffer.concat([Buffer.of(6, octets.length + 1, material.version), octets])
      : Buffer.concat([Buffer.of(3), Buffer.from(keyIdOf(fingerprint), "hex")]);
  const value = encryptedKey(version, { material, publicPart }, sessionKey);
  return packet(PACKET.publicKeySessionKey, recipient, Buffer.of(algorithm.id), value);
}

function encryptedKey(
  version: 3 | 6,
  { material, publicPart }: RecipientKey,
  sessionKey: SessionKey,
): Buffer {
  if (publicPart.kind === "rsa") {
    return writeInteger(rsaEncrypt(publicPart, encodeKey(version, sessionKey)));
  }
  const { ephemeral, secret } = ephemeralOf(publicPart);
  if (publicPart.kdf !== undefined) {
    const kek = ecdhKek(publicPart.kdf, material.fingerprint, secret);
    const wrapped = wrapKey(kek, padded(encodeKey(version, sessionKey)));
    const point = publicPart.kind === "ec" ? ephemeral : Buffer.concat([NATIVE_POINT, ephemeral]);
    return Buffer.concat([writeInteger(point), Buffer.of(wrapped.length), wrapped]);
  }
  const kek = montgomeryKek(material.algorithm.id, ephemeral, publicPart.point, secret);
  const wrapped = wrapKey(kek, sessionKey.bytes);
  // Version 3 names the cipher in clear (RFC 9580 §5.1.6).
  const cipher = version === 3 ? Buffer.of(sessionKey.cipher) : Buffer.alloc(0);
  const length = Buffer.of(cipher.length + wrapped.length);
  return Buffer.concat([ephemeral, length, cipher, wrapped]);
}

/** Marks a point in its native form (RFC 9580 §11.2). */
const NATIVE_POINT = Buffer.of(0x40);

function ephemeralOf(part: Exclude<PublicPart, { kind: "rsa" }>): {
  readonly ephemeral: Buffer;
  readonly secret: Buffer;
} {
  if (part.kind === "ec") {
    const ecdh = createECDH(part.curve.openssl);
    const ephemeral = ecdh.generateKeys();
    return { ephemeral, secret: ecdh.computeSecret(part.point) };
  }
  const { publicKey, privateKey } =
    part.curve.octets === 32 ? generateKeyPairSync("x25519") : generateKeyPairSync("x448");
  const ephemeral = publicKey.export({ format: "raw-public" });
  return { ephemeral, secret: diffieHellman({ privateKey, publicKey: publicKeyOf(part) }) };
}

/**
 * The session key that a packet holds for an own key. A key that fails its checks is `undefined`, except with RSA: there
 * a key at random stands for it, so that what follows takes its time and ends as any wrong key does (Bleichenbacher).
 */
export function openPkesk(
  pkesk: Pkesk,
  key: OwnKey,
  container: ForContainer,
): SessionKey | undefined {
  if (pkesk.algorithm !== key.material.algorithm.id) return undefined;
  if (key.publicPart.kind === "rsa") return openRsa(pkesk, key, container);
  try {
    return openCurve(pkesk, key, container);
  } catch {
    return undefined;
  }
}

/** What is known of the container that a session key is for. */
export type ForContainer = {
  /** Known for version 2, whose session keys do not name it. */
  readonly cipher: number | undefined;
  /** Told of a whole session key for a cipher that we do not use. */
  readonly foreign?: (cipher: number) => void;
};

function openRsa(pkesk: Pkesk, key: OwnKey, container: ForContainer): SessionKey {
  const instead = newSessionKey(container.cipher ?? 9);
  const { publicPart } = key;
  if (publicPart.kind !== "rsa") return instead;
  try {
    const value = cursorOver(pkesk.body).integer();
    return decodeKey(rsaDecrypt(importSecret(key), publicPart, value), container) ?? instead;
  } catch {
    return instead;
  }
}

function openCurve(pkesk: Pkesk, key: OwnKey, container: ForContainer): SessionKey | undefined {
  const { publicPart, material } = key;
  if (publicPart.kind === "rsa") return undefined;
  const cursor = cursorOver(pkesk.body);
  if (publicPart.kdf !== undefined) {
    const point = cursor.integer();
    const secret = sharedSecret(key, point);
    const wrapped = lastField(cursor);
    const kek = ecdhKek(publicPart.kdf, material.fingerprint, secret);
    return decodeKey(unpadded(unwrapKey(kek, wrapped)), container);
  }
  if (publicPart.kind === "ec") return undefined;
  const ephemeral = cursor.take(publicPart.curve.octets);
  const secret = sharedSecret(key, ephemeral);
  const field = cursorOver(lastField(cursor));
  const cipher = pkesk.version === 3 ? field.octet() : (container.cipher ?? 0);
  const kek = montgomeryKek(material.algorithm.id, ephemeral, publicPart.point, secret);
  const bytes = unwrapKey(kek, field.rest());
  if (keyOctetsOf(cipher) === 0) container.foreign?.(cipher);
  return bytes.length > 0 && bytes.length === keyOctetsOf(cipher) ? { cipher, bytes } : undefined;
}

/** A field with a length of one octet that ends the packet. */
function lastField(cursor: Cursor): Buffer {
  const field = cursor.take(cursor.octet());
  if (cursor.left() > 0) throw new Damaged("octets after the session key");
  return field;
}

function sharedSecret(key: OwnKey, point: Buffer): Buffer {
  const { publicPart } = key;
  if (publicPart.kind === "ec") {
    const ecdh = createECDH(publicPart.curve.openssl);
    const scalar = key.withSecret((secret) => ecScalarOf(publicPart.curve, secret));
    ecdh.setPrivateKey(scalar);
    scalar.fill(0);
    // OpenSSL refuses points that are not on the curve.
    return ecdh.computeSecret(point);
  }
  if (publicPart.kind === "rsa") throw new Damaged("not a key for key agreement");
  const { curve } = publicPart;
  const native = publicPart.kdf === undefined ? point : nativePoint(point);
  if (native.length !== curve.octets) throw new Damaged("a point of the wrong size");
  const privateKey: KeyObject = importSecret(key);
  // OpenSSL refuses points of small order: their secret is zero.
  return diffieHellman({ privateKey, publicKey: peerKeyOf(curve, native) });
}

function nativePoint(point: Buffer): Buffer {
  if (point[0] !== NATIVE_POINT[0]) throw new Damaged("not a native point");
  return point.subarray(1);
}

/** RFC 9580 §5.1.3: cipher (version 3 alone), key, checksum. */
function encodeKey(version: 3 | 6, { cipher, bytes }: SessionKey): Buffer {
  const head = version === 3 ? Buffer.of(cipher) : Buffer.alloc(0);
  return Buffer.concat([head, bytes, bigEndian(checksumOf(bytes), 2)]);
}

function decodeKey(plain: Buffer, container: ForContainer): SessionKey | undefined {
  const hasCipher = container.cipher === undefined;
  const cipher = container.cipher ?? plain[0] ?? 0;
  const start = hasCipher ? 1 : 0;
  const end = plain.length - 2;
  const bytes = plain.subarray(start, Math.max(start, end));
  if (bytes.length === 0 || plain.readUInt16BE(end) !== checksumOf(bytes)) return undefined;
  if (keyOctetsOf(cipher) === 0) container.foreign?.(cipher);
  return bytes.length === keyOctetsOf(cipher) ? { cipher, bytes } : undefined;
}
