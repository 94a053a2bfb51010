import { AppError } from "../../base/errors.ts";
import { type Certificate, partsOf } from "../certificates/certificate.ts";
import { MAY_ENCRYPT, firstSaid, keyFlagsIn, selfSignaturesOf } from "../certificates/flags.ts";
import { isPast, keyExpiryOf } from "../certificates/validity.ts";
import { AES128, AES256, GCM, OCB } from "../packets/algorithms.ts";
import type { CertificateParts } from "../packets/certificate-parts.ts";
import { readPublicPart } from "../packets/native-key.ts";
import { hashedSubpacket } from "../packets/signature-packet.ts";
import type { RecipientKey } from "./pkesk.ts";

/** How one copy is encrypted, for all of its recipients alike. */
export type ContainerChoice =
  | { readonly version: 1; readonly cipher: number }
  | { readonly version: 2; readonly cipher: number; readonly aead: number };

/** A recipient: the key to encrypt to and what its owner's software reads. */
export type Recipient = {
  readonly key: RecipientKey;
  readonly readsV2: boolean;
  readonly ciphers: readonly number[];
  readonly suites: readonly Suite[];
};

type Suite = { readonly cipher: number; readonly aead: number };

/** Subpackets of self-signatures (RFC 9580 §5.2.3.14, §5.2.3.15). */
const PREFERRED_CIPHERS = 11;
const PREFERRED_SUITES = 39;
/** In the features (RFC 9580 §5.2.3.32). */
const SEIPD_V2 = 0x08;

/** Ours, best first. AES-128 with OCB is read by all who read version 2 (RFC 9580 §9.6). */
const SUITES: readonly Suite[] = [
  { cipher: AES256, aead: OCB },
  { cipher: AES256, aead: GCM },
  { cipher: AES128, aead: OCB },
];

/**
 * Takes from an accepted certificate what is needed to encrypt to it: the newest encryption key. `isAtRest`: where there
 * is none any more, the newest that has expired or was revoked.
 * @throws AppError when there is none, which acceptance has excluded
 */
export function recipientOf(certificate: Certificate, now: Date, isAtRest = false): Recipient {
  const parts = partsOf(certificate);
  const key =
    parts &&
    (encryptionKeyOf(parts, now) ?? (isAtRest ? encryptionKeyOf(parts, "whenever") : undefined));
  if (parts === undefined || key === undefined) {
    throw new AppError("a certificate without an encryption key", { temporary: false });
  }
  const preferences = PREFERENCES.get(parts) ?? preferencesIn(parts);
  PREFERENCES.set(parts, preferences);
  return { key, ...preferences };
}

type Preferences = Omit<Recipient, "key">;

/** Of certificates that were read already: no time changes what a certificate says. */
const PREFERENCES = new WeakMap<CertificateParts, Preferences>();

function preferencesIn(parts: CertificateParts): Preferences {
  const self = selfSignaturesOf(parts);
  const isV6 = parts.primary.material.version === 6;
  const features = firstSaid(self, (each) => each.features);
  const preferred = (type: number) => firstSaid(self, ({ body }) => hashedSubpacket(body, type));
  return {
    readsV2: features === undefined ? isV6 : (features & SEIPD_V2) !== 0,
    ciphers: [...(preferred(PREFERRED_CIPHERS) ?? [])],
    suites: pairsIn(preferred(PREFERRED_SUITES) ?? Buffer.alloc(0)),
  };
}

/** Version 2 only when every recipient reads it; AES-256 only when every recipient prefers it. */
export function chooseContainer(recipients: readonly Recipient[]): ContainerChoice {
  if (recipients.every(({ readsV2 }) => readsV2)) {
    const suite = SUITES.find(({ cipher, aead }) =>
      recipients.every(({ suites }) =>
        suites.some((each) => each.cipher === cipher && each.aead === aead),
      ),
    );
    return { version: 2, ...(suite ?? { cipher: AES128, aead: OCB }) };
  }
  const isAes256 = recipients.every(({ ciphers }) => ciphers.includes(AES256));
  return { version: 1, cipher: isAes256 ? AES256 : AES128 };
}

function encryptionKeyOf(
  parts: CertificateParts,
  now: Date | "whenever",
): RecipientKey | undefined {
  const mayUse = (part: CertificateParts["primary"] | CertificateParts["subkeys"][number]) => {
    const { keyFlags, isRevoked } = keyFlagsIn(parts, part);
    const isGood = part.material?.strength === "good" && part.material.mayEncrypt;
    return isGood && (keyFlags & MAY_ENCRYPT) !== 0 && (now === "whenever" || !isRevoked);
  };
  const subkey = parts.subkeys
    .filter((each) => mayUse(each) && (now === "whenever" || !hasExpired(each, now)))
    .toSorted((a, b) => timeOf(b) - timeOf(a))[0];
  const found = subkey ?? (mayUse(parts.primary) ? parts.primary : undefined);
  return found?.material === undefined
    ? undefined
    : { material: found.material, publicPart: readPublicPart(found.body) };
}

function hasExpired(subkey: CertificateParts["subkeys"][number], now: Date): boolean {
  const binding = subkey.signatures.find(({ keyFlags }) => keyFlags !== undefined);
  return (
    subkey.material !== undefined && isPast(keyExpiryOf(binding, subkey.material.created), now)
  );
}

function timeOf({ material }: CertificateParts["subkeys"][number]): number {
  return material?.created.getTime() ?? 0;
}

function pairsIn(bytes: Buffer): readonly Suite[] {
  const pairs: Suite[] = [];
  for (let at = 0; at + 1 < bytes.length; at += 2) {
    pairs.push({ cipher: bytes.readUInt8(at), aead: bytes.readUInt8(at + 1) });
  }
  return pairs;
}
