/** What an author's domain says about one key, by its fingerprint: replaced keys are served in no other way. */
import { MINUTE, SECOND, after } from "../base/time.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import { readAuthorKey, saveAuthorKey, wantAuthorKey } from "../store/discovery/author-keys.ts";
import { findById } from "../store/keys/certificates.ts";
import { type AuthorKeyAnswer, CONFIRMED_BEFORE_MS } from "./author.ts";
import { askForFingerprint, hasFingerprint } from "./by-hkp.ts";
import type { LookUpContext } from "./context.ts";
import { locate } from "./locate.ts";
import { askInTurn, rememberedFailure } from "./look-up.ts";
import { learnRevocation, missingRevocation } from "./revocations.ts";

const LOOK_UP_MS = 15 * SECOND;
/** How long a question that got no answer is not repeated. */
const UNREACHABLE_MS = MINUTE;
/** Maximum size of a kept certificate (THREAT_MODEL.md G12). */
const MAX_OCTETS = 64 * 1024;
const RETIRED = 3;

/**
 * From what was answered for mail that arrived at `arrivedAt`; nobody is asked. What is not known is noted, to be asked by
 * the hour: the keyserver must not learn when mail is read.
 */
export async function knownByFingerprint(
  context: LookUpContext,
  author: EmailAddress,
  fingerprint: Fingerprint,
  arrivedAt: Date,
): Promise<AuthorKeyAnswer> {
  const known = await confirmed(context, author, fingerprint, arrivedAt);
  if (known !== undefined) return known;
  await wantAuthorKey(context.store, author, fingerprint, context.wall.now());
  return { kind: "unreachable", reason: "not asked since it arrived" };
}

/**
 * As `knownByFingerprint`, and else asks the keyserver of the author's own domain, and no other. Whether the certificate
 * carries the address, and was good when it signed, is for `checkSigner` to say.
 */
export async function askByFingerprint(
  context: LookUpContext,
  author: EmailAddress,
  fingerprint: Fingerprint,
  arrivedAt: Date,
): Promise<AuthorKeyAnswer> {
  const known = await confirmed(context, author, fingerprint, arrivedAt);
  if (known !== undefined) return known;
  const key = `in 0x${fingerprint} ${author.domain}`;
  const failed = context.remembered.get(key);
  if (failed?.kind === "unreachable") return { kind: "unreachable", reason: failed.reason };
  const answer = await askNow(context, author, fingerprint);
  if (answer.kind === "unreachable") {
    const now = context.clock.now();
    const evidence = { checkedAt: now };
    const discovery = { ...answer, code: "UNSURE-KS", evidence } as const;
    context.remembered.set(key, discovery, after(now, UNREACHABLE_MS));
  }
  return answer;
}

/** What is known and was confirmed after the arrival, or shortly before; a key of our own always is. */
async function confirmed(
  context: LookUpContext,
  author: EmailAddress,
  fingerprint: Fingerprint,
  arrivedAt: Date,
): Promise<Exclude<AuthorKeyAnswer, { kind: "unreachable" }> | undefined> {
  if (context.isLocal(author.domain)) return await byOwnDatabase(context, fingerprint);
  const key = await readAuthorKey(context.store, author, fingerprint, context.wall.now());
  if (key === undefined || key.at < after(arrivedAt, -CONFIRMED_BEFORE_MS)) return undefined;
  if (key.state === "absent") return { kind: "absent" };
  const certificate = await readOne(context, key.certificate);
  return certificate !== undefined && hasFingerprint(certificate, fingerprint)
    ? await found(context, certificate)
    : undefined;
}

async function found(
  context: LookUpContext,
  certificate: Certificate,
): Promise<Extract<AuthorKeyAnswer, { kind: "found" }>> {
  const revoked = await missingRevocation(context, certificate);
  return { kind: "found", certificate, ...(revoked === undefined ? {} : { revoked }) };
}

/**
 * A key of ours that ended without a revocation, because only its owner could make one, counts no longer than it was
 * published: the address may be somebody else's since. A revocation that it carries is judged with it.
 */
async function byOwnDatabase(
  context: LookUpContext,
  fingerprint: Fingerprint,
): Promise<Exclude<AuthorKeyAnswer, { kind: "unreachable" }>> {
  for (const { bytes, state, revokedAt: at } of await findById(context.store, fingerprint)) {
    const certificate = await readOne(context, bytes);
    if (certificate !== undefined && hasFingerprint(certificate, fingerprint)) {
      const isEnded = state !== "active" && at !== undefined;
      const ended = isEnded ? { revoked: { reasonCode: reasonOf(state), at } } : {};
      return { kind: "found", certificate, ...ended };
    }
  }
  return { kind: "absent" };
}

function reasonOf(state: string): number {
  const reasons: Readonly<Record<string, number>> = { superseded: 1, compromised: 2 };
  return reasons[state] ?? RETIRED;
}

async function askNow(
  context: LookUpContext,
  author: EmailAddress,
  fingerprint: Fingerprint,
): Promise<AuthorKeyAnswer> {
  // The second question would only take as long again.
  if (rememberedFailure(context, author) !== undefined) {
    return { kind: "unreachable", reason: "it did not answer about the address" };
  }
  const signal = AbortSignal.timeout(LOOK_UP_MS);
  const askedAt = context.wall.now();
  const location = await locate(context, author.domain, signal);
  if (location.kind === "unsure") return { kind: "unreachable", reason: location.reason };
  if (location.kind === "no-service") return { kind: "absent" };
  const { answer } = await askInTurn(location.targets, signal, (target) =>
    askForFingerprint(
      context.get,
      { target, address: author, isForIncoming: true, signal, work: context.work },
      fingerprint,
    ),
  );
  switch (answer.kind) {
    case "key":
      await keepFound(context, author, fingerprint, answer.certificate, askedAt);
      return await found(context, answer.certificate);
    case "no-key":
      await saveAuthorKey(context.store, {
        author,
        fingerprint,
        state: "absent",
        certificate: new Uint8Array(),
        at: askedAt,
      });
      return { kind: "absent" };
    case "failed":
      return { kind: "unreachable", reason: answer.reason };
    case "unusable":
      return { kind: "unreachable", reason: "not judged here" };
  }
}

/** Kept under the fingerprint that was asked for, which may be a subkey's; a revocation of it is remembered for ever. */
async function keepFound(
  context: LookUpContext,
  author: EmailAddress,
  fingerprint: Fingerprint,
  certificate: Certificate,
  at: Date,
): Promise<void> {
  await learnRevocation(context, certificate);
  if ((await missingRevocation(context, certificate)) !== undefined) {
    context.onRollback?.(certificate.fingerprint, author.domain);
  }
  const { bytes } = certificate;
  if (bytes.length > MAX_OCTETS) return;
  await saveAuthorKey(context.store, {
    author,
    fingerprint,
    state: "found",
    certificate: bytes,
    at,
  });
}

async function readOne(
  { work }: LookUpContext,
  bytes: Uint8Array,
): Promise<Certificate | undefined> {
  if (bytes.length === 0) return undefined;
  const parsed = await work.parseCertificates(bytes);
  return parsed.kind === "parsed" ? parsed.certificates[0] : undefined;
}
