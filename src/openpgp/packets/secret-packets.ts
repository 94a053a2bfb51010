import { asBuffer } from "../../base/bytes.ts";
import { Secret } from "../../base/secret.ts";
import { type CertificateParts, type PrimaryPart, TAG } from "./certificate-parts.ts";
import type { KeyPacket } from "./key-packets.ts";
import { packetHeader } from "./packet.ts";

/** The body of the secret key packet that goes with a public one: it starts with the public body (RFC 9580 §5.5.3). */
export function secretBodyFor(
  packets: readonly KeyPacket[],
  publicBody: Uint8Array,
): Uint8Array | undefined {
  return packets.find(
    ({ tag, body }) =>
      (tag === TAG.secretKey || tag === TAG.secretSubkey) &&
      asBuffer(body).subarray(0, publicBody.length).equals(publicBody),
  )?.body;
}

/**
 * The binary transferable secret key made of these parts (RFC 9580 §10.2); `secretOf` gives the body of the secret packet
 * for a public one. Subkeys without are left out.
 */
export function serializeSecret(
  parts: CertificateParts,
  secretOf: (publicBody: Uint8Array) => Uint8Array | undefined,
): Secret {
  type Component = Pick<PrimaryPart, "body" | "signatures">;
  const component = (tag: number, { signatures }: Component, body: Uint8Array) => [
    packetHeader(tag, body.length),
    body,
    ...signatures.flatMap((each) => [packetHeader(TAG.signature, each.body.length), each.body]),
  ];
  const key = (tag: number, part: Component) => {
    const secret = secretOf(part.body);
    return secret === undefined ? [] : component(tag, part, secret);
  };
  const pieces = [
    ...key(TAG.secretKey, parts.primary),
    ...parts.users.flatMap((user) => component(TAG.userId, user, user.body)),
    ...parts.subkeys.flatMap((subkey) => key(TAG.secretSubkey, subkey)),
  ];
  // The only copy of the secrets, so that wiping it wipes all.
  const bytes = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let end = 0;
  for (const piece of pieces) {
    bytes.set(piece, end);
    end += piece.length;
  }
  return new Secret(bytes);
}
