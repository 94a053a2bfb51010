import { unlessTooCostly } from "../base/errors.ts";
import type { SrvRecord } from "../dns/dns.ts";
import type { Get, GetResult } from "../fetch/request.ts";
import { type EmailAddress, formatAddress } from "../mail/address.ts";
import type { Acceptance, UnusableReason } from "../openpgp/certificates/acceptance.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { type CertificateWork, certificateWorkHere } from "../openpgp/openpgp.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";

/** What one keyserver said about an address or a fingerprint. */
export type KeyserverAnswer =
  | {
      readonly kind: "key";
      readonly certificate: Certificate;
      /** When it ends, by the whole of what was served; undefined also where it was not judged. */
      readonly expires: Date | undefined;
      /** All in the answer. */
      readonly served: readonly Certificate[];
      readonly cacheControl: string | undefined;
    }
  | { readonly kind: "no-key"; readonly cacheControl: string | undefined }
  | {
      readonly kind: "unusable";
      readonly reasons: readonly UnusableReason[];
      /** All in the answer: what one of them signed may be good. */
      readonly served: readonly Certificate[];
      readonly cacheControl: string | undefined;
    }
  /** Not an answer: the next host is asked. */
  | { readonly kind: "failed"; readonly reason: string };

export type Question = {
  readonly target: SrvRecord;
  readonly address: EmailAddress;
  readonly isForIncoming: boolean;
  readonly signal: AbortSignal;
  /** Reads and judges what is answered where that keeps nobody waiting; default: here. */
  readonly work?: CertificateWork;
};

/** Judges a certificate for the address that was asked for. */
type Accept = (certificate: Certificate) => Promise<Acceptance>;

const OK = 200;
const NOT_FOUND = 404;
const GONE = 410;
const HTML_START = 0x3c; // "<"

/** A version of HKP, and what it says when there is no such certificate. */
type Interface = { readonly accept: string; readonly absent: ReadonlySet<number> };

/** Only these two mean that there is none: other errors are a server's trouble. */
const V1: Interface = {
  accept: "application/pgp-keys, application/pgp;q=0.9",
  absent: new Set([NOT_FOUND, GONE]),
};
/** Also "no such request": a server that speaks version 1 alone has no version 6 key to give. */
const V2: Interface = {
  accept: "application/pgp, application/pgp-keys;q=0.9",
  absent: new Set([NOT_FOUND, GONE, 400, 403, 405, 501]),
};

/**
 * Asks for the certificate of an address by HKP over HTTPS, exact matches only, and judges it: version 1, which every
 * server speaks, and where that has none, version 2, which alone gives version 6 keys (draft-ietf-openpgp-hkp). There is
 * none when both say so.
 */
export async function askForAddress(
  get: Get,
  question: Question & { readonly now: Date; readonly accept?: Accept },
): Promise<KeyserverAnswer> {
  const { address, now, work = certificateWorkHere } = question;
  const accept = question.accept ?? ((one) => work.acceptForEncryption(one, address, now));
  const search = encodeURIComponent(formatAddress(address));
  const query = `op=get&options=mr&exact=on&search=${search}`;
  const first = await ask(get, question, V1, `/pks/lookup?${query}`);
  const answer = first.kind === "no-key" ? await askAgain(get, question, search, first) : first;
  return answer.kind === "certificates"
    ? unlessTooCostly(judge(answer, accept), TOO_COSTLY)
    : answer;
}

/** What version 1 said of how long it holds is for both. */
async function askAgain(
  get: Get,
  question: Question,
  search: string,
  first: Extract<KeyserverAnswer, { kind: "no-key" }>,
): Promise<Asked> {
  const second = await ask(get, question, V2, `/pks/v2/canonical/${search}`);
  return second.kind === "no-key" ? first : second;
}

/** The fingerprints of version 6 keys have so many digits. */
const V6_DIGITS = 64;

/**
 * Asks for a certificate by the fingerprint of its primary key or a subkey; it is not judged. Version 1 knows nothing of
 * version 6 keys and is not asked for them.
 */
export async function askForFingerprint(
  get: Get,
  question: Question,
  fingerprint: Fingerprint,
): Promise<KeyserverAnswer> {
  const answer =
    fingerprint.length === V6_DIGITS
      ? await ask(get, question, V2, `/pks/v2/certs/by-vfingerprint/06/${fingerprint}`)
      : await ask(get, question, V1, `/pks/lookup?op=get&options=mr&search=0x${fingerprint}`);
  if (answer.kind !== "certificates") return answer;
  const certificate = answer.certificates.find((one) => hasFingerprint(one, fingerprint));
  // An answer for another fingerprint is refused, or the keyserver would choose the key.
  if (certificate === undefined) return failed("the answer is for another key");
  const { certificates: served, cacheControl } = answer;
  return { kind: "key", certificate, expires: undefined, served, cacheControl };
}

export function hasFingerprint(certificate: Certificate, fingerprint: Fingerprint): boolean {
  return (
    certificate.fingerprint === fingerprint || certificate.subkeyFingerprints.includes(fingerprint)
  );
}

type Certificates = {
  readonly kind: "certificates";
  readonly certificates: readonly Certificate[];
  readonly cacheControl: string | undefined;
};

type Asked = Certificates | Exclude<KeyserverAnswer, { kind: "key" | "unusable" }>;

async function ask(
  get: Get,
  question: Question,
  { accept, absent }: Interface,
  path: string,
): Promise<Asked> {
  const result = await get({
    host: question.target.target,
    port: question.target.port,
    path,
    accept,
    // The domain's own name is as good as the target's, DNSSEC having led from one to the other.
    alsoNamed: [question.address.domain],
    isForIncoming: question.isForIncoming,
    signal: question.signal,
  });
  if (result.kind === "failed") return failed(result.reason);
  if (absent.has(result.status)) {
    return { kind: "no-key", cacheControl: result.headers.get("cache-control") };
  }
  if (result.status !== OK) return failed(`HTTP status ${result.status}`);
  return unlessTooCostly(read(question.work ?? certificateWorkHere, result), TOO_COSTLY);
}

/** What nobody can read in time is no answer. */
const TOO_COSTLY = { kind: "failed", reason: "too costly to read" } as const;

async function read(
  work: CertificateWork,
  response: Extract<GetResult, { kind: "response" }>,
): Promise<Certificates | Extract<KeyserverAnswer, { kind: "failed" }>> {
  const firstOctet = response.body.find((octet) => octet > 0x20);
  // An empty page, or one for people, is no answer about a key.
  if (firstOctet === undefined) return failed("an empty answer");
  if (firstOctet === HTML_START) return failed("a web page");
  const parsed = await work.parseCertificates(response.body);
  if (parsed.kind === "malformed") return failed(`unreadable: ${parsed.reason}`);
  if (parsed.certificates.length === 0) return failed("no certificate in the answer");
  return {
    kind: "certificates",
    certificates: parsed.certificates,
    cacheControl: response.headers.get("cache-control"),
  };
}

async function judge(answer: Certificates, accept: Accept): Promise<KeyserverAnswer> {
  const { certificates: served, cacheControl } = answer;
  const judged = await Promise.all(served.map(accept));
  const [newest] = judged
    .flatMap((one) => (one.kind === "acceptable" ? [one] : []))
    .toSorted((a, b) => newestFirst(a.certificate, b.certificate));
  if (newest === undefined) {
    const reasons = judged.flatMap((one) => (one.kind === "unusable" ? [one.reason] : []));
    return { kind: "unusable", reasons, served, cacheControl };
  }
  const { certificate, expires } = newest;
  return { kind: "key", certificate, expires, served, cacheControl };
}

/** Several usable certificates: the same one is always taken, whatever order they came in. */
function newestFirst(a: Certificate, b: Certificate): number {
  const difference = b.created.getTime() - a.created.getTime();
  return difference === 0 ? (a.fingerprint < b.fingerprint ? -1 : 1) : difference;
}

function failed(reason: string): Extract<KeyserverAnswer, { kind: "failed" }> {
  return { kind: "failed", reason };
}
