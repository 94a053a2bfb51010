/** A file of many RSA keys, as long as we take them: all have the numbers of one, because making those takes seconds. */
import { generateKeyPair } from "node:crypto";
import { promisify } from "node:util";

import { PublicKeyPacket, PublicSubkeyPacket, SecretKeyPacket } from "openpgp";

import { SECOND, after, toUnixSeconds } from "../../src/base/time.ts";
import { TAG, writePacket } from "../../src/openpgp/packets/certificate-parts.ts";
import { bigEndian, writeInteger } from "../../src/openpgp/packets/cursor.ts";
import { clearBody } from "../../src/openpgp/imports/locked-secret.ts";
import { flags, packetOf, sign, userIdOf } from "./forge-certificate.ts";

/** A v4 secret key that is not locked, whose subkeys differ in the time of their making alone. */
export async function longRsaKey(o: {
  readonly user: string;
  readonly date: Date;
  readonly bits: number;
  readonly subkeys: number;
}): Promise<Uint8Array> {
  const numbers = await rsaNumbers(o.bits);
  const publicBody = (date: Date) =>
    Buffer.concat([Buffer.of(4), bigEndian(toUnixSeconds(date), 4), Buffer.of(1), numbers.public]);
  const secretBody = (date: Date) => clearBody(publicBody(date), numbers.secret);
  const [key, signer, userID] = [new PublicKeyPacket(), new SecretKeyPacket(), userIdOf(o.user)];
  await key.read(publicBody(o.date));
  await signer.read(secretBody(o.date));
  const certification = { keyFlags: flags(0x03) };
  const packets = [
    writePacket(TAG.secretKey, secretBody(o.date)),
    writePacket(TAG.userId, userID.write()),
    packetOf(await sign(signer, "certPositive", { key, userID }, o.date, certification)),
  ];
  for (let nth = 1; nth <= o.subkeys; nth += 1) {
    const date = after(o.date, nth * SECOND);
    const bind = new PublicSubkeyPacket();
    await bind.read(publicBody(date));
    const binding = await sign(signer, "subkeyBinding", { key, bind }, date, {
      keyFlags: flags(0x0c),
    });
    packets.push(writePacket(TAG.secretSubkey, secretBody(date)), packetOf(binding));
  }
  return Buffer.concat(packets);
}

/** As they stand in a secret key packet (RFC 9580 §5.5.5.1): n and e; d, p, q and the inverse of p modulo q. */
async function rsaNumbers(
  bits: number,
): Promise<{ readonly public: Buffer; readonly secret: Buffer }> {
  const { privateKey } = await promisify(generateKeyPair)("rsa", { modulusLength: bits });
  const { n = "", e = "", d = "", p = "", q = "", qi = "" } = privateKey.export({ format: "jwk" });
  const integers = (...texts: string[]) =>
    Buffer.concat(texts.map((text) => writeInteger(Buffer.from(text, "base64url"))));
  // JWK has the inverse of q modulo p, so the primes change places.
  return { public: integers(n, e), secret: integers(d, q, p, qi) };
}
