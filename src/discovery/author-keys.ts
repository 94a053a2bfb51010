/**
 * The keys of authors whose sealed mail waits for its reader. What their keyserver served at the arrival is kept, and
 * asked for again by the hour, so that opening and judging ask nobody; nothing is used or kept for longer than seven days.
 */
import { DAY, after } from "../base/time.ts";
import type { EmailAddress } from "../mail/address.ts";
import { type Certificate, parseCertificates } from "../openpgp/certificate.ts";
import type { Fingerprint } from "../openpgp/fingerprint.ts";
import {
  type AuthorKey,
  deleteAuthorKey,
  listAuthorKeys,
  listWanted,
  saveAuthorKey,
} from "../store/author-keys.ts";
import { hasFingerprint } from "./by-hkp.ts";
import type { Discovery, FormerKey } from "./outcome.ts";
import type { LookUpContext } from "./context.ts";
import { learnRevocation, missingRevocation } from "./revocations.ts";

/** As large as a reduced certificate may be (THREAT_MODEL.md G12). */
const MOST_OCTETS = 64 * 1024;
/** Younger ones are not asked for again, as cached ones are not. */
const FRESH_MS = DAY;

type Deps = Pick<LookUpContext, "store" | "clock" | "onRollback">;

/** Keeps what the author's keyserver served; one that lacks a revocation that was seen of it does not replace it. */
export async function keepAuthorKey(
  deps: Deps,
  author: EmailAddress,
  certificate: Certificate,
  at: Date,
): Promise<void> {
  const { bytes, fingerprint } = certificate;
  if (bytes.length > MOST_OCTETS) return;
  await learnRevocation(deps.store, certificate);
  if ((await missingRevocation(deps.store, certificate)) !== undefined) {
    deps.onRollback?.(fingerprint, author.domain);
    return;
  }
  await saveAuthorKey(deps.store, { author, fingerprint, state: "found", certificate: bytes, at });
}

/** What is kept of one key; undefined: nothing. */
export async function keptKey(
  deps: Deps,
  author: EmailAddress,
  fingerprint: Fingerprint,
): Promise<Exclude<FormerKey, { kind: "unreachable" }> | undefined> {
  const keys = await listAuthorKeys(deps.store, author, deps.clock.now());
  for (const { certificate: bytes, at } of keys.filter(({ state }) => state === "found")) {
    const certificate = await readOne(bytes);
    if (certificate === undefined || !hasFingerprint(certificate, fingerprint)) continue;
    const revoked = await missingRevocation(deps.store, certificate);
    const found = { kind: "found", certificate, keptAt: at } as const;
    return revoked === undefined ? found : { ...found, revoked };
  }
  const isAbsent = keys.some((key) => key.state === "absent" && key.fingerprint === fingerprint);
  return isAbsent ? { kind: "absent" } : undefined;
}

/** The certificate that was served last for an author, usable or not: signatures are judged at the time they were made. */
export async function keptCertificate(
  deps: Deps,
  author: EmailAddress,
): Promise<Extract<Discovery, { kind: "found" }> | undefined> {
  const checkedAt = deps.clock.now();
  const keys = await listAuthorKeys(deps.store, author, checkedAt);
  for (const { certificate: bytes, at: fetchedAt } of keys) {
    const certificate = await readOne(bytes);
    if (certificate === undefined) continue;
    if ((await missingRevocation(deps.store, certificate)) !== undefined) continue;
    const evidence = { detail: "kept since it was served", checkedAt };
    return { kind: "found", certificate, source: "kept", code: "OK-CACHE", fetchedAt, evidence };
  }
  return undefined;
}

/**
 * Asks again, by fingerprint, for the author's keys that were found more than a day ago, and for what opened mail of his
 * domain was signed with. Called at arrivals and by the hour, never because somebody reads.
 */
export async function askForAuthorKeys(
  deps: Deps,
  author: EmailAddress,
  findOnline: (author: EmailAddress, fingerprint: Fingerprint) => Promise<FormerKey>,
): Promise<void> {
  const now = deps.clock.now();
  const kept = await listAuthorKeys(deps.store, author, now);
  const isOld = ({ state, at }: AuthorKey) => state === "found" && after(at, FRESH_MS) <= now;
  const wanted = await listWanted(deps.store, author, now);
  for (const key of [...kept.filter(isOld), ...wanted]) {
    const answer = await findOnline(key.author, key.fingerprint);
    // The others of the same domain would not be answered either.
    if (answer.kind === "unreachable") return;
    if (key.state === "wanted") await settle(deps, key, answer);
  }
}

async function settle(
  deps: Deps,
  wanted: AuthorKey,
  answer: Exclude<FormerKey, { kind: "unreachable" }>,
): Promise<void> {
  if (answer.kind === "absent") {
    await saveAuthorKey(deps.store, { ...wanted, state: "absent", at: deps.clock.now() });
  } else if (answer.certificate.fingerprint !== wanted.fingerprint) {
    await deleteAuthorKey(deps.store, wanted.author, wanted.fingerprint);
  }
}

async function readOne(bytes: Uint8Array): Promise<Certificate | undefined> {
  if (bytes.length === 0) return undefined;
  const parsed = await parseCertificates(bytes);
  return parsed.kind === "parsed" ? parsed.certificates[0] : undefined;
}
