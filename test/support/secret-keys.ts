/** Secret keys as other software writes them, and as nobody would: taken apart and put together again. */
import assert from "node:assert/strict";

import { type Config, type SubkeyOptions, enums, generateKey } from "openpgp";

import { Secret } from "../../src/base/secret.ts";
import { systemClock } from "../../src/base/time.ts";
import type { EmailAddress } from "../../src/mail/address.ts";
import { TAG, groupPackets } from "../../src/openpgp/packets/certificate-parts.ts";
import {
  type ImportedSecretKey,
  importSecretKey,
} from "../../src/openpgp/imports/import-secret-key.ts";
import { readKeyPackets } from "../../src/openpgp/packets/key-packets.ts";
import { packet } from "../../src/openpgp/packets/packet.ts";
import { secretBodyFor, serializeSecret } from "../../src/openpgp/packets/secret-packets.ts";
import { addressOf } from "./address.ts";
import { type Forge, type Plan, forgeCertificate, wholeSecond } from "./forge-certificate.ts";

type Packet = { readonly tag: number; readonly body: Uint8Array };

/** Whose keys they are, and when it is. */
export const ADA = addressOf("ada.quill@post.example");
export const USER = "Ada Quill <ada.quill@post.example>";
export const NOW = wholeSecond(systemClock.now());

/** What OpenPGP.js is to make. */
export type Making = {
  readonly user: string;
  readonly date: Date;
  readonly type?: "ecc" | "curve25519" | "curve448" | "rsa";
  readonly rsaBits?: number;
  readonly curve?: "nistP256";
  readonly subkeys?: SubkeyOptions[];
  readonly passphrase?: string;
  readonly lifetimeSeconds?: number;
  readonly config?: Partial<Config>;
};

/** What OpenPGP.js makes, locked or not. */
export async function libraryKey(o: Making): Promise<Uint8Array> {
  const { privateKey } = await generateKey({
    type: o.type ?? "ecc",
    userIDs: { name: o.user },
    date: o.date,
    format: "object",
    ...(o.curve === undefined ? {} : { curve: o.curve }),
    ...(o.rsaBits === undefined ? {} : { rsaBits: o.rsaBits }),
    ...(o.subkeys === undefined ? {} : { subkeys: o.subkeys }),
    ...(o.passphrase === undefined ? {} : { passphrase: o.passphrase }),
    ...(o.lifetimeSeconds === undefined ? {} : { keyExpirationTime: o.lifetimeSeconds }),
    config: { minRSABits: 1024, ...o.config },
  });
  return privateKey.write();
}

/** The kinds of keys beside ours that users bring along; with a lifetime, which their subkeys then have too. */
export function kindsOfKeys(
  lifetimeSeconds?: number,
): readonly (readonly [string, Omit<Making, "user" | "date">])[] {
  const key = lifetimeSeconds === undefined ? {} : { lifetimeSeconds };
  const subkey = lifetimeSeconds === undefined ? {} : { keyExpirationTime: lifetimeSeconds };
  const subkeys = [{ sign: true, ...subkey }, subkey];
  return [
    ["an RSA key with a signing subkey", { ...key, type: "rsa", rsaBits: 3072, subkeys }],
    ["a P-256 key with a signing subkey", { ...key, curve: "nistP256", subkeys }],
    ["a v6 key on Curve448", { ...key, type: "curve448", config: { v6Keys: true } }],
  ];
}

/** Iterated S2K of the smallest count, so that tests do not wait. */
export const QUICK: Partial<Config> = { s2kIterationCountByte: 0 };
/** Usage 253 with Argon2, of little memory. */
export const ARGON2: Partial<Config> = {
  aeadProtect: true,
  s2kType: enums.s2k.argon2,
  s2kArgon2Params: { passes: 1, parallelism: 1, memoryExponent: 10 },
};

export function packetsOf(bytes: Uint8Array): readonly Packet[] {
  const read = readKeyPackets(bytes, 10_000);
  assert(read.kind === "read");
  return read.packets;
}

export function joined(packets: readonly Packet[]): Buffer {
  return Buffer.concat(packets.map(({ tag, body }) => packet(tag, body)));
}

/** A key with the bodies of its secret packets changed. */
export function withSecrets(
  bytes: Uint8Array,
  change: (body: Buffer, tag: number) => Uint8Array,
): Buffer {
  return joined(
    packetsOf(bytes).map(({ tag, body }) => ({
      tag,
      body: isSecret(tag) ? change(Buffer.from(body), tag) : body,
    })),
  );
}

/** Of a v4 key on Curve25519: version, time, algorithm, OID with its length, point. */
const PUBLIC_OCTETS = 6 + 10 + 2 + 33;

/** How much of a secret packet of such a key is public; of the subkey there is one octet more of OID, and the KDF. */
export const publicOctets = (tag: number): number =>
  tag === TAG.secretKey ? PUBLIC_OCTETS : PUBLIC_OCTETS + 5;

/** A v4 key on Curve25519, in each secret packet of which octets are set, counted from the usage octet. */
export function patched(bytes: Uint8Array, at: number, ...octets: number[]): Buffer {
  return withSecrets(bytes, (body, tag) => {
    const start = publicOctets(tag) + at;
    const rest = body.subarray(start + octets.length);
    return Buffer.concat([body.subarray(0, start), Buffer.from(octets), rest]);
  });
}

/** A key with the secret part of another one of its kind in its packets of one type. */
export function withSecretOf(
  bytes: Uint8Array,
  other: Uint8Array,
  o: { readonly tag: number; readonly publicOctets: number },
): Buffer {
  const secret = packetsOf(other).find(({ tag }) => tag === o.tag)?.body;
  assert(secret);
  return withSecrets(bytes, (body, tag) =>
    tag === o.tag
      ? Buffer.concat([body.subarray(0, o.publicOctets), secret.subarray(o.publicOctets)])
      : body,
  );
}

export const isSecret = (tag: number): boolean => tag === TAG.secretKey || tag === TAG.secretSubkey;

/** A forged certificate with the secrets of its keys. */
export async function forgedSecret(forge: Forge, plan: Plan): Promise<Uint8Array> {
  const parts = groupPackets(packetsOf(await forgeCertificate(forge, plan)));
  const secrets = packetsOf(forge.secret.write());
  assert(parts);
  return serializeSecret(parts, (body) => secretBodyFor(secrets, body)).reveal();
}

export function armored(bytes: Uint8Array, label = "PRIVATE KEY BLOCK"): Buffer {
  const base64 = Buffer.from(bytes).toString("base64").replace(/.{64}/g, "$&\n");
  return Buffer.from(`-----BEGIN PGP ${label}-----\n\n${base64}\n-----END PGP ${label}-----\n`);
}

export async function imported(
  bytes: Uint8Array,
  o: { readonly address: EmailAddress; readonly now: Date; readonly passphrase?: string },
): Promise<ImportedSecretKey> {
  const { passphrase: text, ...rest } = o;
  using passphrase = text === undefined ? undefined : Secret.fromText(text);
  return await importSecretKey({ ...rest, bytes, passphrase });
}
