import { bigEndian } from "./cursor.ts";

/**
 * What a signature over a key is made over before its own octets (RFC 9580 §5.2.4): the primary key alone, with a user ID
 * or with a subkey. All are bodies of packets.
 */
export function signedOctets(o: {
  readonly key: Uint8Array;
  readonly userId?: Uint8Array | undefined;
  readonly subkey?: Uint8Array | undefined;
}): Buffer {
  return Buffer.concat([
    ...keyOctets(o.key),
    ...(o.subkey === undefined ? [] : keyOctets(o.subkey)),
    ...(o.userId === undefined ? [] : userIdOctets(o.userId)),
  ]);
}

/** The part that is a key or a subkey, as pieces. */
export function keyOctets(body: Uint8Array): readonly Uint8Array[] {
  const prefix =
    body[0] === 6
      ? Buffer.concat([Buffer.of(0x9b), bigEndian(body.length, 4)])
      : Buffer.concat([Buffer.of(0x99), bigEndian(body.length, 2)]);
  return [prefix, body];
}

/** The part that is a user ID, as pieces. */
export function userIdOctets(body: Uint8Array): readonly Uint8Array[] {
  return [Buffer.concat([Buffer.of(0xb4), bigEndian(body.length, 4)]), body];
}
