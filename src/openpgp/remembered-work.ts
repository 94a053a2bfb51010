/**
 * Answers about certificates, kept by the hash of the octets they were given for. What may change with time is asked again at
 * the first moment at which it may, and when the clock was set back. A certificate with a revocation more has other octets.
 * Refusals and failures are not kept.
 */
import { BoundedMap } from "../base/bounded-map.ts";
import { type EmailAddress, formatAddress } from "../mail/address.ts";
import { type Acceptance, acceptForEncryption } from "./certificates/acceptance.ts";
import { type Certificate, digestOf, type ParsedCertificates } from "./certificates/certificate.ts";
import { nextChange } from "./certificates/next-change.ts";
import type { OwnRevocation } from "./certificates/signer.ts";
import type { CertificateWork } from "./openpgp.ts";

/** An acceptance, and until when no time changes it; undefined: ever. */
export type LastingAcceptance = {
  readonly acceptance: Acceptance;
  readonly until: Date | undefined;
};

/** `acceptForEncryption`, and how long what it says lasts. */
export async function acceptLastingly(
  certificate: Certificate,
  address: EmailAddress,
  now: Date,
): Promise<LastingAcceptance> {
  const acceptance = await acceptForEncryption(certificate, address, now);
  return { acceptance, until: nextChange(certificate, now) };
}

/** The answers of one process. */
export type RememberedAnswers = {
  readonly parsed: BoundedMap<string, ParsedCertificates>;
  readonly accepted: BoundedMap<string, LastingAcceptance & { readonly from: Date }>;
  readonly revocations: BoundedMap<string, readonly OwnRevocation[]>;
};

const MOST = { entries: 2000, weight: 8 * 1024 * 1024 };

export function noAnswers(): RememberedAnswers {
  return {
    parsed: new BoundedMap(MOST),
    accepted: new BoundedMap(MOST),
    revocations: new BoundedMap(MOST),
  };
}

/** What is asked where nothing is known. */
type Asked = Omit<CertificateWork, "acceptForEncryption"> & {
  readonly acceptLastingly: typeof acceptLastingly;
};

/** The same work, with its answers kept. What takes a message or a moment of its own is always asked. */
export function remembering(asked: Asked, answers: RememberedAnswers): CertificateWork {
  const { parsed, accepted, revocations } = answers;
  return {
    verifyBound: asked.verifyBound,
    parseCertificates: async (input) => {
      const digest = digestOf(input);
      const known = parsed.get(digest);
      if (known !== undefined) return known;
      const found = await asked.parseCertificates(input);
      if (found.kind === "parsed") parsed.set(digest, found, input.length);
      return found;
    },
    acceptForEncryption: async (certificate, address, now) => {
      const key = `${digestOf(certificate.bytes)} ${formatAddress(address)}`;
      const known = accepted.get(key);
      if (known !== undefined && isInForce(known, now)) return known.acceptance;
      const found = await asked.acceptLastingly(certificate, address, now);
      if (found.acceptance.kind === "acceptable") {
        accepted.set(key, { ...found, from: now }, certificate.bytes.length);
      } else accepted.delete(key);
      return found.acceptance;
    },
    revocationsOf: async (certificate) => {
      const digest = digestOf(certificate.bytes);
      const known = revocations.get(digest);
      if (known !== undefined) return known;
      const found = await asked.revocationsOf(certificate);
      revocations.set(digest, found, certificate.bytes.length);
      return found;
    },
  };
}

function isInForce(
  { from, until }: { readonly from: Date; readonly until: Date | undefined },
  now: Date,
): boolean {
  return from <= now && (until === undefined || now < until);
}
