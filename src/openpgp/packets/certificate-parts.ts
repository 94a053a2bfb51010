import { createHash } from "node:crypto";

import { asBuffer } from "../../base/bytes.ts";
import { type KeyMaterial, readKeyMaterial } from "./key-material.ts";
import type { KeyPacket } from "./key-packets.ts";
import { type KeySignature, readKeySignature } from "./key-signature.ts";
import {
  type Group,
  type Placement,
  isRevocation,
  placementBudget,
  putInPlace,
} from "./placement.ts";

export type PrimaryPart = {
  readonly body: Uint8Array;
  readonly material: KeyMaterial;
  /** Direct-key signatures and key revocations, newest first. */
  readonly signatures: readonly KeySignature[];
};

export type UserPart = {
  readonly body: Uint8Array;
  readonly userId: string;
  /** It is not UTF-8 and was read as ISO 8859-1, as old programs wrote it: to be shown, no proof of an address beyond ASCII. */
  readonly isLatin1: boolean;
  readonly signatures: readonly KeySignature[];
};

/** A subkey; `material` is undefined for versions we do not know. */
export type SubkeyPart = {
  readonly body: Uint8Array;
  readonly material: KeyMaterial | undefined;
  readonly signatures: readonly KeySignature[];
};

/** The structure of a transferable public key (RFC 9580 §10.1), nothing in it proven. User attributes are left out. */
export type CertificateParts = {
  readonly primary: PrimaryPart;
  readonly users: readonly UserPart[];
  readonly subkeys: readonly SubkeyPart[];
};

export const TAG = {
  signature: 2,
  secretKey: 5,
  publicKey: 6,
  secretSubkey: 7,
  marker: 10,
  trust: 12,
  userId: 13,
  publicSubkey: 14,
  userAttribute: 17,
  padding: 21,
} as const;

/**
 * Groups the packets of one certificate, each signature with what it is over, wherever it stands; undefined when the
 * primary key's version is not 4 or 6, and when placing the signatures costs more than `budget` has left. `elsewhere` are
 * revocations that stand beside the certificate.
 */
export function groupPackets(
  packets: readonly KeyPacket[],
  placement: Placement = { elsewhere: [], budget: placementBudget() },
): CertificateParts | undefined {
  const [first, ...rest] = packets;
  const material = first?.tag === TAG.publicKey ? readKeyMaterial(first.body) : undefined;
  if (first === undefined || material === undefined) return undefined;
  const groups = groupsOf(first, rest);
  const placed = putInPlace(material, groups, placement);
  // A revocation may be among those that were not placed.
  if (placement.budget.octets < 0) return undefined;
  const [primary, ...components] = placed.map(({ head, signatures }) => ({
    tag: head.tag,
    body: head.body,
    // Of two of one second the one that stands behind counts, as for GnuPG and RNP.
    signatures: withoutRepeats(signatures)
      .toReversed()
      .toSorted((a, b) => b.created.getTime() - a.created.getTime()),
  }));
  const ofTag = (tag: number) => components.filter((component) => component.tag === tag);
  return {
    primary: { body: first.body, material, signatures: primary?.signatures ?? [] },
    users: ofTag(TAG.userId).map((user) => ({ ...user, ...textOf(user.body) })),
    subkeys: ofTag(TAG.publicSubkey).map((subkey) => ({
      ...subkey,
      material: readKeyMaterial(subkey.body),
    })),
  };
}

/** Each component with the signatures that stand behind it. */
function groupsOf(first: KeyPacket, rest: readonly KeyPacket[]): readonly Group[] {
  const groups: Group[] = [{ head: first, signatures: [] }];
  for (const packet of rest) {
    if (packet.tag !== TAG.signature) groups.push({ head: packet, signatures: [] });
    else {
      const signature = readKeySignature(packet.body);
      if (signature !== undefined) groups.at(-1)?.signatures.push(signature);
    }
  }
  return groups;
}

/** The revocations among some packets, of whatever key they are. */
export function revocationsIn(packets: readonly KeyPacket[]): readonly KeySignature[] {
  return packets.flatMap(({ tag, body }) => {
    const signature = tag === TAG.signature ? readKeySignature(body) : undefined;
    return signature !== undefined && isRevocation(signature) ? signature : [];
  });
}

/** The binary transferable public key made of these parts; the newest signatures stand last, so that they are read as such. */
export function serializeParts(parts: CertificateParts): Uint8Array {
  const component = (tag: number) => (part: Omit<PrimaryPart, "material">) => [
    writePacket(tag, part.body),
    ...part.signatures.toReversed().map(({ body }) => writePacket(TAG.signature, body)),
  ];
  return Buffer.concat([
    ...component(TAG.publicKey)(parts.primary),
    ...parts.users.flatMap(component(TAG.userId)),
    ...parts.subkeys.flatMap(component(TAG.publicSubkey)),
  ]);
}

/** A packet with a header of the current format (RFC 9580 §4.2.1). */
export function writePacket(tag: number, body: Uint8Array): Uint8Array {
  const { length } = body;
  const size =
    length < 192
      ? [length]
      : length < 8384
        ? [192 + ((length - 192) >> 8), (length - 192) & 0xff]
        : [0xff, length >>> 24, (length >> 16) & 0xff, (length >> 8) & 0xff, length & 0xff];
  return Buffer.concat([Uint8Array.from([0xc0 | tag, ...size]), body]);
}

function withoutRepeats(signatures: readonly KeySignature[]): readonly KeySignature[] {
  const digest = ({ body }: KeySignature) => createHash("sha256").update(body).digest("hex");
  return [...new Map(signatures.map((signature) => [digest(signature), signature])).values()];
}

function textOf(bytes: Uint8Array): Pick<UserPart, "userId" | "isLatin1"> {
  const text = asBuffer(bytes).toString("utf8");
  const isLatin1 = !Buffer.from(text, "utf8").equals(bytes);
  return { userId: isLatin1 ? asBuffer(bytes).toString("latin1") : text, isLatin1 };
}
