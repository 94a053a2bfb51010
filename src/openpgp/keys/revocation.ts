import { utf8 } from "../../base/bytes.ts";
import { AppError } from "../../base/errors.ts";
import { MINUTE, after, toUnixSeconds } from "../../base/time.ts";
import { type Certificate, partsOf } from "../certificates/certificate.ts";
import {
  KEY_REVOCATIONS,
  bareRevocations,
  mergeRevocations,
} from "../certificates/merge-revocations.ts";
import { TAG, writePacket } from "../packets/certificate-parts.ts";
import { SIGNATURE_TYPE, readKeySignature } from "../packets/key-signature.ts";
import { signedOctets } from "../packets/signed-octets.ts";
import {
  issuerSubpacket,
  keyIdSubpacket,
  secondsSubpacket,
  subpacket,
  writeSubpackets,
} from "../packets/write-subpackets.ts";
import { ownKeys } from "./own-keys.ts";
import type { UnlockedKey } from "./secret-key.ts";
import { startSignature } from "./sign.ts";

/** Reasons for revoking a key (RFC 9580 §5.2.3.31): 0 none, 1 superseded, 2 compromised, 3 retired. */
export type RevocationReasonCode = 0 | 1 | 2 | 3;

/**
 * Revokes a key with a revocation made and dated now, which a soft reason (1, 3) needs: dated at generation it would
 * undo every signature ever made. It is merged into `certificate`, where more or less of the key is published than was
 * kept.
 */
export async function revokeFresh(options: {
  readonly key: UnlockedKey;
  readonly certificate?: Certificate;
  readonly reasonCode: RevocationReasonCode;
  readonly text: string;
  readonly now: Date;
}): Promise<Certificate> {
  const { key, reasonCode, text, now } = options;
  const body = revoke(key, { code: reasonCode, text }, now);
  const signature = readKeySignature(body);
  const into = options.certificate ?? key.certificate;
  const merged = signature && (await mergeRevocations(into, [signature]));
  if (merged === undefined) {
    throw new AppError("a fresh revocation does not verify", { temporary: false });
  }
  return merged.certificate;
}

/**
 * The generic revocation of RFC 9580 §13.9, as it is made with every key and kept: binary, reason 0, dated a minute back,
 * for recipients whose clock is behind.
 */
export async function genericRevocationFor(key: UnlockedKey, now: Date): Promise<Uint8Array> {
  const { created } = key.certificate;
  const date = after(now, -MINUTE);
  const reason = { code: 0, text: "escrowed at generation" };
  const body = revoke(key, reason, date < created ? created : date);
  return Promise.resolve(Uint8Array.from(writePacket(TAG.signature, body)));
}

/** Subpackets (RFC 9580 §5.2.3.7). */
const CREATED = 2;
const REASON = 29;

/** The body of a revocation by the key itself. Our own, because the library does not sign with every key we take over. */
function revoke(
  key: UnlockedKey,
  reason: { readonly code: number; readonly text: string },
  date: Date,
): Uint8Array {
  const [primary] = ownKeys(key);
  const parts = partsOf(key.certificate);
  const { fingerprint, version } = key.certificate;
  if (parts === undefined || primary?.material.fingerprint !== fingerprint) {
    throw new AppError("a key cannot be revoked", { temporary: false });
  }
  const signature = startSignature({
    key: primary,
    type: SIGNATURE_TYPE.keyRevocation,
    hashed: writeSubpackets([
      secondsSubpacket(CREATED, toUnixSeconds(date)),
      subpacket(REASON, Buffer.concat([Buffer.of(reason.code), utf8(reason.text)])),
      issuerSubpacket(fingerprint),
    ]),
    unhashed: version === 4 ? writeSubpackets([keyIdSubpacket(fingerprint)]) : Buffer.alloc(0),
  });
  signature.update(signedOctets({ key: parts.primary.body }));
  return signature.finish();
}

/**
 * The certificate with a revocation of the whole key merged into it; undefined when none of those given is the primary
 * key's own. Accepts binary and both armors that are in use for bare revocations, `PUBLIC KEY BLOCK` and `SIGNATURE`, also with
 * GnuPG's colon before. Applying one again changes nothing.
 */
export async function applyRevocation(
  certificate: Certificate,
  revocation: Uint8Array,
): Promise<Certificate | undefined> {
  const signatures = bareRevocations(revocation, KEY_REVOCATIONS);
  return signatures && (await mergeRevocations(certificate, signatures))?.certificate;
}
