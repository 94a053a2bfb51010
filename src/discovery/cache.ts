import { DAY, SECOND, after } from "../base/time.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { isPast } from "../openpgp/certificates/validity.ts";
import { deleteCache, readCache, writeCache } from "../store/discovery/cache.ts";
import type { Store } from "../store/store.ts";
import type { LookUpContext } from "./context.ts";
import { missingRevocation } from "./revocations.ts";

/** A certificate that was fetched within the last seven days and is still usable. */
export type Cached = {
  readonly certificate: Certificate;
  readonly keyserver: string;
  readonly fetchedAt: Date;
  /** Usable without asking again; otherwise only when nobody can be asked. */
  readonly isFresh: boolean;
};

const FRESH_MS = DAY;

/** What is known of an address. The certificate is judged again: it may have expired meanwhile. */
export async function findCached(
  { store, work }: Pick<LookUpContext, "store" | "work">,
  address: EmailAddress,
  now: Date,
): Promise<Cached | undefined> {
  const entry = await readCache(store, address, now);
  if (entry === undefined) {
    await deleteCache(store, address); // What is too old to be read is gone at once.
    return undefined;
  }
  // It may have ended by what was left out of it, such as another user ID: what is kept does not say so.
  if (isPast(entry.endsAt, now)) return undefined;
  const parsed = await work.parseCertificates(entry.certificate);
  const [certificate] = parsed.kind === "parsed" ? parsed.certificates : [];
  if (certificate === undefined) return undefined;
  const acceptance = await work.acceptForEncryption(certificate, address, now);
  if (acceptance.kind === "unusable") return undefined;
  if ((await missingRevocation({ store, work }, certificate)) !== undefined) return undefined;
  return {
    certificate: acceptance.certificate,
    keyserver: entry.keyserver,
    fetchedAt: entry.fetchedAt,
    isFresh: now < entry.freshUntil,
  };
}

/**
 * Keeps a certificate that a keyserver gave just now. Its `Cache-Control` may shorten the day that an entry stays fresh,
 * never lengthen it; `no-store` keeps nothing (RFC 9111 §5.2.2).
 */
export async function keep(
  store: Store,
  found: {
    readonly address: EmailAddress;
    readonly certificate: Certificate;
    readonly keyserver: string;
    readonly fetchedAt: Date;
    readonly cacheControl: string | undefined;
    /** What was left out of the certificate may end it earlier than it says itself: then it is not used any more. */
    readonly expires: Date | undefined;
  },
): Promise<void> {
  const { address, keyserver, fetchedAt } = found;
  const freshMs = freshFor(found.cacheControl);
  if (freshMs === undefined) {
    await deleteCache(store, address);
    return;
  }
  const byAnswer = after(fetchedAt, freshMs);
  const { expires: endsAt } = found;
  const freshUntil = endsAt !== undefined && endsAt < byAnswer ? endsAt : byAnswer;
  const certificate = found.certificate.bytes;
  await writeCache(store, { address, certificate, keyserver, fetchedAt, freshUntil, endsAt });
}

/** How long an answer stays fresh, in milliseconds; undefined: it must not be kept. */
export function freshFor(cacheControl: string | undefined): number | undefined {
  const directives = (cacheControl ?? "")
    .toLowerCase()
    .split(",")
    .map((one) => one.trim());
  if (directives.includes("no-store")) return undefined;
  if (directives.includes("no-cache")) return 0;
  const seconds = directives.flatMap((one) => /^max-age="?(\d{1,10})"?$/.exec(one)?.[1] ?? []);
  return Math.min(FRESH_MS, ...seconds.map((text) => Number(text) * SECOND));
}
