import type { KeyObject } from "node:crypto";

import { asBuffer } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import { partsOf } from "../certificates/certificate.ts";
import { keyFlagsIn } from "../certificates/flags.ts";
import { TAG } from "../packets/certificate-parts.ts";
import type { KeyMaterial } from "../packets/key-material.ts";
import { readKeyPackets } from "../packets/key-packets.ts";
import { type PublicPart, readPublicPart, secretKeyOf } from "../packets/native-key.ts";
import type { UnlockedKey } from "./secret-key.ts";

/** A primary key or subkey of our own, with its secret. */
export type OwnKey = {
  readonly owner: UnlockedKey;
  readonly material: KeyMaterial;
  readonly publicPart: PublicPart;
  readonly keyFlags: number;
  readonly isRevoked: boolean;
  /** Of a subkey; undefined: with its primary key. */
  readonly expires: Date | undefined;
  /** Runs with the secret part of the packet (RFC 9580 §5.5.3); what it was given is wiped afterwards. */
  readonly withSecret: <Value>(use: (secret: Uint8Array) => Value) => Value;
};

const MAX_PACKETS = 500;

const KNOWN = new WeakMap<UnlockedKey, readonly OwnKey[]>();

/** The keys of an unlocked key, the primary first. Their self-signatures are ours and not checked again. */
export function ownKeys(owner: UnlockedKey): readonly OwnKey[] {
  const known = KNOWN.get(owner) ?? readOwnKeys(owner);
  KNOWN.set(owner, known);
  return known;
}

function readOwnKeys(owner: UnlockedKey): readonly OwnKey[] {
  const parts = partsOf(owner.certificate);
  if (parts === undefined) throw new AppError("an own key cannot be read", { temporary: false });
  return [parts.primary, ...parts.subkeys].flatMap((part) => {
    const { material, body } = part;
    if (material === undefined || material.strength !== "good") return [];
    const { keyFlags, isRevoked, expires } = keyFlagsIn(parts, part);
    const withSecret: OwnKey["withSecret"] = (use) => useSecret(owner, body, use);
    const publicPart = readPublicPart(body);
    return [{ owner, material, publicPart, keyFlags, isRevoked, expires, withSecret }];
  });
}

/** OpenSSL's object for signing or decrypting with an own key, which keeps it until it is disposed. */
export function importSecret(key: OwnKey): KeyObject {
  const { owner, publicPart, material } = key;
  return owner.objectOf(publicPart, () =>
    key.withSecret((secret) => secretKeyOf(publicPart, secret, material.algorithm.id)),
  );
}

/** A secret key packet starts with the body of its public key packet (RFC 9580 §5.5.3). */
function useSecret<Value>(
  owner: UnlockedKey,
  publicBody: Uint8Array,
  use: (secret: Uint8Array) => Value,
): Value {
  using raw = owner.secretBytes();
  const read = readKeyPackets(raw.reveal(), MAX_PACKETS);
  const bodies = read.kind === "read" ? read.packets : [];
  for (const { tag, body } of bodies) {
    const isSecret = tag === TAG.secretKey || tag === TAG.secretSubkey;
    if (!isSecret || !asBuffer(body).subarray(0, publicBody.length).equals(publicBody)) continue;
    // Usage 0: not locked. Version 4 ends with a checksum.
    if (body[publicBody.length] !== 0) break;
    return use(body.subarray(publicBody.length + 1, body.length - (publicBody[0] === 4 ? 2 : 0)));
  }
  throw new AppError("an own key has no secret part", { temporary: false });
}
