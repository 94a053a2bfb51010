/** Makes certificates that ordinary tools would not: each part is signed for real, with whatever content a test asks for. */
import assert from "node:assert/strict";

import {
  type PrivateKey,
  PublicKeyPacket,
  PublicSubkeyPacket,
  SignaturePacket,
  UserIDPacket,
  enums,
  generateKey,
} from "openpgp";

import { after, DAY, fromUnixSeconds, systemClock, toUnixSeconds } from "../../src/base/time.ts";
import { parseAddress } from "../../src/mail/address.ts";
import { TAG, writePacket } from "../../src/openpgp/packets/certificate-parts.ts";
import { type Certificate, parseCertificates } from "../../src/openpgp/certificates/certificate.ts";
import { generationConfig } from "../../src/openpgp/certificates/profile.ts";
import { messageConfig } from "./message-config.ts";

/** Now, in whole seconds as signatures have it. */
export const NOW = wholeSecond(systemClock.now());
export const daysAgo = (days: number): Date => after(NOW, -days * DAY);
/** When forged keys are made, unless a test says otherwise. */
export const MADE = daysAgo(100);
/** Whose the forged certificates are. */
export const ADA = parseAddress("ada.quill@post.example") ?? assert.fail();

type KeyOptions = Omit<Parameters<typeof generateKey>[0], "userIDs" | "format">;

/** A pair of primary key and subkey to forge with. */
export type Forge = { readonly secret: PrivateKey };

export async function newForge(created: Date, options: KeyOptions = {}): Promise<Forge> {
  const { privateKey } = await generateKey({
    type: "ecc",
    curve: "curve25519Legacy",
    config: generationConfig("compat"),
    ...options,
    userIDs: { name: "forged" },
    date: created,
    format: "object",
  });
  return { secret: privateKey };
}

/** Properties of the library's signature packet, set before it is signed. */
export type Facts = Partial<
  Pick<
    SignaturePacket,
    | "hashAlgorithm"
    | "keyFlags"
    | "keyExpirationTime"
    | "keyNeverExpires"
    | "signatureExpirationTime"
    | "signatureNeverExpires"
    | "reasonForRevocationFlag"
    | "reasonForRevocationString"
    | "embeddedSignature"
    | "rawNotations"
    | "revocationKeyClass"
    | "revocationKeyAlgorithm"
    | "revocationKeyFingerprint"
    | "features"
    | "isPrimaryUserID"
  >
>;

type Signing = PrivateKey["keyPacket"] | PrivateKey["subkeys"][number]["keyPacket"];
type SignatureName = keyof typeof enums.signature;

/** A signature packet object of one type over parts of a certificate, made by `signer`. */
export async function sign(
  signer: Signing,
  type: SignatureName,
  over: object,
  date: Date,
  facts: Facts = {},
): Promise<SignaturePacket> {
  const packet = new SignaturePacket();
  packet.signatureType = enums.signature[type];
  packet.publicKeyAlgorithm = signer.algorithm;
  packet.hashAlgorithm = enums.hash.sha512;
  Object.assign(packet, facts);
  const signWith: (...o: readonly unknown[]) => Promise<void> = packet.sign.bind(packet) as never;
  // Without the salt notation, so that the library also signs with hashes it would not use.
  const config = { ...messageConfig, nonDeterministicSignaturesViaNotation: false };
  await signWith(signer, over, date, false, config);
  return packet;
}

export function packetOf(signature: SignaturePacket): Uint8Array {
  return writePacket(TAG.signature, signature.write());
}

/** The primary key as public packet; `Public...` classes are made from the secret packet's octets. */
export async function primaryOf(forge: Forge): Promise<PublicKeyPacket> {
  const packet = new PublicKeyPacket();
  await packet.read(forge.secret.toPublic().keyPacket.write());
  return packet;
}

export async function subkeyOf(forge: Forge, index = 0): Promise<PublicSubkeyPacket> {
  const packet = new PublicSubkeyPacket();
  const subkey = forge.secret.toPublic().subkeys[index];
  if (subkey === undefined) throw new Error("no such subkey");
  await packet.read(subkey.keyPacket.write());
  return packet;
}

export function userIdOf(text: string): UserIDPacket {
  const packet = new UserIDPacket();
  packet.read(Buffer.from(text, "utf8"));
  return packet;
}

/** What a forged certificate is to have; everything not said is as in an honest one. */
export type Plan = {
  readonly date: Date;
  readonly userIds?: readonly string[];
  readonly certification?: Facts;
  /** Who signs the user IDs; the primary key itself when not given. */
  readonly certifier?: Forge;
  readonly binding?: Facts;
  readonly direct?: Facts;
  /** Signatures by the primary key over itself, its user IDs and its subkey. */
  readonly revocations?: readonly {
    readonly type: "keyRevocation" | "subkeyRevocation" | "certRevocation";
    readonly date: Date;
    readonly facts?: Facts;
    readonly by?: Forge;
  }[];
  readonly withoutSubkey?: boolean;
};

export async function forgeCertificate(forge: Forge, plan: Plan): Promise<Uint8Array> {
  const { date } = plan;
  const key = await primaryOf(forge);
  const bind = await subkeyOf(forge);
  const primary = forge.secret.keyPacket;
  const revoke = async (type: string, over: object): Promise<Uint8Array[]> =>
    Promise.all(
      (plan.revocations ?? [])
        .filter((each) => each.type === type)
        .map(async (each) =>
          packetOf(
            await sign((each.by ?? forge).secret.keyPacket, each.type, over, each.date, each.facts),
          ),
        ),
    );
  const parts: Uint8Array[] = [writePacket(TAG.publicKey, key.write())];
  parts.push(...(await revoke("keyRevocation", { key })));
  if (plan.direct !== undefined) {
    parts.push(packetOf(await sign(primary, "key", { key }, date, plan.direct)));
  }
  for (const text of plan.userIds ?? ["ada.quill@post.example"]) {
    const userID = userIdOf(text);
    const over = { key, userID };
    parts.push(writePacket(TAG.userId, userID.write()), ...(await revoke("certRevocation", over)));
    const facts = { keyFlags: flags(3), ...plan.certification };
    const certifier = (plan.certifier ?? forge).secret.keyPacket;
    parts.push(packetOf(await sign(certifier, "certPositive", over, date, facts)));
  }
  if (plan.withoutSubkey !== true) {
    const over = { key, bind };
    parts.push(writePacket(TAG.publicSubkey, bind.write()));
    parts.push(...(await revoke("subkeyRevocation", over)));
    const facts = { keyFlags: flags(12), ...plan.binding };
    parts.push(packetOf(await sign(primary, "subkeyBinding", over, date, facts)));
  }
  return Buffer.concat(parts);
}

/** The forged bytes, read by our parser. */
export async function forged(forge: Forge, plan: Plan): Promise<Certificate> {
  return read(await forgeCertificate(forge, plan));
}

export async function read(bytes: Uint8Array): Promise<Certificate> {
  const parsed = await parseCertificates(bytes);
  if (parsed.kind === "malformed") throw new Error(parsed.reason);
  const [certificate] = parsed.certificates;
  if (certificate === undefined) throw new Error("none");
  return certificate;
}

export const flags = (value: number): Uint8Array => Uint8Array.from([value]);

export function expiresIn(seconds: number): Facts {
  return { keyExpirationTime: seconds, keyNeverExpires: false };
}

/** A whole second, as OpenPGP counts time. */
export function wholeSecond(date: Date): Date {
  return fromUnixSeconds(toUnixSeconds(date));
}
