/**
 * What looking for a certificate comes to. `found` may be sealed to; `absent` is an answer that can be believed;
 * `unreachable` is no answer, and never means "send in clear". The codes: docs/use/states.md.
 */
import type { Clock } from "../base/time.ts";
import type { Resolver } from "../dns/dns.ts";
import type { Get } from "../fetch/request.ts";
import type { Domain, EmailAddress } from "../mail/address.ts";
import type { UnusableReason } from "../openpgp/certificates/acceptance.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import type { CertificateWork } from "../openpgp/openpgp.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import type { Store } from "../store/store.ts";

/** What the answer rests on, for the trace and the reader; never used for decisions. */
export type Evidence = {
  /** Class of the SRV answer, with the codes of RFC 8914 that came along. */
  readonly dns?: string;
  /** `host:port` that answered. */
  readonly keyserver?: string;
  readonly detail?: string;
  readonly checkedAt: Date;
};

export type Discovery =
  | {
      readonly kind: "found";
      readonly certificate: Certificate;
      readonly source: "hkp" | "local" | "cache";
      readonly code: "OK" | "OK-CACHE" | "LOCAL";
      readonly fetchedAt: Date;
      readonly evidence: Evidence;
    }
  | {
      readonly kind: "absent";
      readonly code: "NOSVC" | "INSEC" | "NOKEY" | "BADKEY";
      readonly reason?: UnusableReason;
      readonly evidence: Evidence;
    }
  | {
      readonly kind: "unreachable";
      readonly code: "UNSURE-DNS" | "UNSURE-KS" | "BADKEY";
      readonly reason: string;
      /** Since when, where it has lasted so long that nothing but somebody's doing will end it. */
      readonly lastingSince?: Date;
      readonly evidence: Evidence;
    };

export type DiscoverOptions = { readonly signal?: AbortSignal };

/** Looks for the certificate that mail for an address is encrypted to. */
export type Discover = (address: EmailAddress, options?: DiscoverOptions) => Promise<Discovery>;

export type DiscoveryDeps = {
  readonly store: Store;
  readonly resolver: Resolver;
  readonly get: Get;
  readonly clock: Clock;
  /** Whether a domain is ours, so that the local key store answers for it. */
  readonly isLocal: (domain: Domain) => boolean;
  readonly local: (address: EmailAddress) => Promise<Certificate | undefined>;
  /** A uniform number in [0, 1), for the order of SRV targets. */
  readonly random: () => number;
  /** Told when a key that was once revoked is served without its revocation; for the log. */
  readonly onRollback?: ((fingerprint: Fingerprint, domain: Domain) => void) | undefined;
  /** Whether this process keeps the latest time that it sees, for all others; true by default. */
  readonly isServing?: boolean | undefined;
  /** Reads and judges certificates where that keeps nobody waiting; default: here. */
  readonly work?: CertificateWork;
  /** The same for look-ups of our own users, which no mail of strangers may crowd out; default: `work`. */
  readonly workForUsers?: CertificateWork;
  /** Milliseconds that pass whatever is done to the system's clock; the process's own by default. */
  readonly monotonicMs?: () => number;
};
