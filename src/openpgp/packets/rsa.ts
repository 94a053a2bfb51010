import {
  type KeyObject,
  constants,
  privateDecrypt,
  privateEncrypt,
  publicDecrypt,
  publicEncrypt,
} from "node:crypto";

import { padStart } from "./cursor.ts";
import { Damaged } from "./damaged.ts";
import { type PublicPart, publicKeyOf } from "./native-key.ts";

/** RSA with the padding of PKCS#1 version 1.5, the only one that OpenPGP has (RFC 9580 §12.1). */
type RsaPart = Extract<PublicPart, { kind: "rsa" }>;

const padding = constants.RSA_PKCS1_PADDING;

/** What an RSA signature was made over: the digest with its name in front. @throws when the padding is wrong. */
export function recoverDigestInfo(part: RsaPart, signature: Buffer): Buffer {
  const value = padStart(signature, part.modulus.length);
  return publicDecrypt({ key: publicKeyOf(part), padding }, value);
}

/** An RSA signature over a digest with its name in front. */
export function signDigestInfo(key: KeyObject, digestInfo: Buffer): Buffer {
  return privateEncrypt({ key, padding }, digestInfo);
}

export function rsaEncrypt(part: RsaPart, plain: Buffer): Buffer {
  return publicEncrypt({ key: publicKeyOf(part), padding }, plain);
}

/**
 * Wrong padding gives random octets, not an error, so that nobody learns of it (OpenSSL's implicit rejection): a
 * correct padding proves nothing.
 */
export function rsaDecrypt(key: KeyObject, part: RsaPart, cipher: Buffer): Buffer {
  if (cipher.length > part.modulus.length) throw new Damaged("an RSA integer is too long");
  return privateDecrypt({ key, padding }, padStart(cipher, part.modulus.length));
}
