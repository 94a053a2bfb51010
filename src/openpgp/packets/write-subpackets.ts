import { bigEndian } from "./cursor.ts";
import { type Fingerprint, keyIdOf } from "./fingerprint.ts";
import type { Subpacket } from "./key-signature.ts";

/** A subpacket that is not critical. */
export function subpacket(type: number, body: Uint8Array): Subpacket {
  return { type, isCritical: false, body };
}

/** A time or a duration: seconds in four octets. */
export function secondsSubpacket(type: number, seconds: number): Subpacket {
  return subpacket(type, bigEndian(seconds, 4));
}

/** The key version and fingerprint of the issuer (RFC 9580 §5.2.3.35). */
export function issuerSubpacket(fingerprint: Fingerprint): Subpacket {
  const version = fingerprint.length === 40 ? 4 : 6;
  return subpacket(33, Buffer.concat([Buffer.of(version), Buffer.from(fingerprint, "hex")]));
}

/** The issuer's key ID (RFC 9580 §5.2.3.12). */
export function keyIdSubpacket(fingerprint: Fingerprint): Subpacket {
  return subpacket(16, Buffer.from(keyIdOf(fingerprint), "hex"));
}

/** An area of subpackets, without its length; each has a length of one, two or five octets (RFC 9580 §5.2.3.7). */
export function writeSubpackets(subpackets: readonly Subpacket[]): Buffer {
  return Buffer.concat(
    subpackets.flatMap(({ type, isCritical, body }) => {
      const length = body.length + 1;
      const size =
        length < 192
          ? Buffer.of(length)
          : length < 8384
            ? Buffer.of(192 + ((length - 192) >> 8), (length - 192) & 0xff)
            : Buffer.concat([Buffer.of(0xff), bigEndian(length, 4)]);
      return [size, Buffer.of(type | (isCritical ? 0x80 : 0)), body];
    }),
  );
}
