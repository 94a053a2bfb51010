/** The certificates of a domain as its zone may publish them (OPENPGPKEY records, RFC 7929). */
import type { Clock } from "../base/time.ts";
import type { Domain, EmailAddress } from "../mail/address.ts";
import { acceptForEncryption } from "../openpgp/certificates/acceptance.ts";
import { parseCertificates } from "../openpgp/certificates/certificate.ts";
import { activeAddresses } from "../store/accounts/active-addresses.ts";
import { findPublished, type PublishedCertificate } from "../store/keys/certificates.ts";
import type { Store } from "../store/store.ts";

/** What a zone may publish of an address, or why nothing. `gone`: the certificate ended while the others were read. */
export type CertificateForDns = { readonly address: EmailAddress } & (
  | { readonly kind: "certificate"; readonly bytes: Uint8Array }
  | { readonly kind: "gone" | "unreadable" | "too-large" }
  | { readonly kind: "unusable"; readonly reason: string }
);

/** A line of a zone file may not be endless: signers stop at 10 KiB, and the certificate takes two characters an octet. */
const MAX_CERTIFICATE_OCTETS = 4096;

/** Every address of a domain that has an active certificate, with what senders need of it; in the order of the addresses. */
export async function* certificatesForDns(
  { store, clock }: { readonly store: Store; readonly clock: Clock },
  domain: Domain,
): AsyncGenerator<CertificateForDns> {
  for await (const address of activeAddresses(store, domain)) {
    const published = await findPublished(store, address);
    if (published === undefined || published.isHidden === true) yield { address, kind: "gone" };
    else yield await reduced(published, address, clock.now());
  }
}

/** The certificate without what senders do not need, as RFC 7929 §2.1.2 advises. */
async function reduced(
  published: PublishedCertificate,
  address: EmailAddress,
  now: Date,
): Promise<CertificateForDns> {
  const parsed = await parseCertificates(published.bytes);
  const certificate = parsed.kind === "parsed" ? parsed.certificates[0] : undefined;
  if (certificate === undefined) return { address, kind: "unreadable" };
  const accepted = await acceptForEncryption(certificate, published.address, now);
  if (accepted.kind === "unusable") return { address, kind: "unusable", reason: accepted.reason };
  const { bytes } = accepted.certificate;
  if (bytes.length > MAX_CERTIFICATE_OCTETS) return { address, kind: "too-large" };
  return { address, kind: "certificate", bytes };
}
