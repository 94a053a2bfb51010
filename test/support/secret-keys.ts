/** Secret keys as other software writes them, and as nobody would: taken apart and put together again. */
import assert from "node:assert/strict";

import { type Config, type SubkeyOptions, enums, generateKey } from "openpgp";

import { Secret } from "../../src/base/secret.ts";
import type { EmailAddress } from "../../src/mail/address.ts";
import { parseAddress } from "../../src/mail/address.ts";
import { TAG, groupPackets } from "../../src/openpgp/certificate-parts.ts";
import { type ImportedSecretKey, importSecretKey } from "../../src/openpgp/import-secret-key.ts";
import { readKeyPackets } from "../../src/openpgp/key-packets.ts";
import { packet } from "../../src/openpgp/packet.ts";
import { secretBodyFor, serializeSecret } from "../../src/openpgp/secret-packets.ts";
import { type Forge, type Plan, forgeCertificate } from "./forge-certificate.ts";

type Packet = { readonly tag: number; readonly body: Uint8Array };

/** What OpenPGP.js makes, locked or not. */
export async function libraryKey(o: {
  readonly user: string;
  readonly date: Date;
  readonly type?: "ecc" | "curve25519" | "curve448" | "rsa";
  readonly rsaBits?: number;
  readonly curve?: "nistP256";
  readonly subkeys?: SubkeyOptions[];
  readonly passphrase?: string;
  readonly lifetimeSeconds?: number;
  readonly config?: Partial<Config>;
}): Promise<Uint8Array> {
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

export function addressOf(text: string): EmailAddress {
  const address = parseAddress(text);
  assert(address);
  return address;
}

export async function imported(
  bytes: Uint8Array,
  o: { readonly address: EmailAddress; readonly now: Date; readonly passphrase?: string },
): Promise<ImportedSecretKey> {
  const { passphrase: text, ...rest } = o;
  using passphrase = text === undefined ? undefined : Secret.fromText(text);
  return await importSecretKey({ ...rest, bytes, passphrase });
}
