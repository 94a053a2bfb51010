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
  const keys = [o.key, ...(o.subkey === undefined ? [] : [o.subkey])].flatMap((body) => [
    body[0] === 6
      ? Buffer.concat([Buffer.of(0x9b), bigEndian(body.length, 4)])
      : Buffer.concat([Buffer.of(0x99), bigEndian(body.length, 2)]),
    body,
  ]);
  const user =
    o.userId === undefined
      ? []
      : [Buffer.concat([Buffer.of(0xb4), bigEndian(o.userId.length, 4)]), o.userId];
  return Buffer.concat([...keys, ...user]);
}
