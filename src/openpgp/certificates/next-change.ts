import { after, fromUnixMs } from "../../base/time.ts";
import type { CertificateParts } from "../packets/certificate-parts.ts";
import type { KeySignature } from "../packets/key-signature.ts";
import { type Certificate, partsOf } from "./certificate.ts";
import { expiryOf, keyExpiryOf, SKEW_MS } from "./validity.ts";

/**
 * The first moment after `now` at which time alone can change what is said of a certificate: a signature or a key expires, or
 * is no longer of the future. Nothing is verified, so a moment may be named that changes nothing. Undefined: there is none.
 */
export function nextChange(certificate: Certificate, now: Date): Date | undefined {
  const parts = partsOf(certificate);
  const times = parts === undefined ? [] : momentsIn(parts).map((moment) => moment.getTime());
  const first = Math.min(...times.filter((time) => time > now.getTime()));
  return Number.isFinite(first) ? fromUnixMs(first) : undefined;
}

function momentsIn({ primary, users, subkeys }: CertificateParts): readonly Date[] {
  const { created } = primary.material;
  return [
    ...[primary, ...users].flatMap(({ signatures }) => momentsOf(created, signatures)),
    ...subkeys.flatMap(({ material, signatures }) =>
      momentsOf(material?.created ?? created, signatures),
    ),
  ];
}

function momentsOf(created: Date, signatures: readonly KeySignature[]): readonly Date[] {
  const ofSignatures = signatures.flatMap((signature) => [
    ...startOf(signature.created),
    expiryOf(signature) ?? [],
    keyExpiryOf(signature, created) ?? [],
  ]);
  return [...startOf(created), ...ofSignatures.flat()];
}

/** When a date is no longer ahead of the clocks that we allow, and when it is past. */
const startOf = (date: Date): readonly Date[] => [after(date, -SKEW_MS), date];
