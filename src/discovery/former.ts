import { DAY, MINUTE, SECOND, after } from "../base/time.ts";
import type { EmailAddress } from "../mail/address.ts";
import { type Certificate, parseCertificates } from "../openpgp/certificate.ts";
import type { Fingerprint } from "../openpgp/fingerprint.ts";
import { wantAuthorKey } from "../store/author-keys.ts";
import { findById } from "../store/certificates.ts";
import type { ExpiringMap } from "../base/expiring-map.ts";
import { keepAuthorKey, keptKey } from "./author-keys.ts";
import { askForFingerprint, hasFingerprint } from "./by-hkp.ts";
import type { DiscoverOptions, FormerKey } from "./outcome.ts";
import { locate } from "./locate.ts";
import type { LookUpContext } from "./context.ts";
import { askInTurn, rememberedBy } from "./look-up.ts";
import { missingRevocation } from "./revocations.ts";

const LOOK_UP_MS = 15 * SECOND;
const ABSENT_MS = 15 * MINUTE;
const UNREACHABLE_MS = MINUTE;

/**
 * Fetches a certificate by fingerprint, from the keyserver of the address's own domain only. Whether it carries the
 * address, and was good when it signed, is for `checkSigner` to say.
 */
export async function lookUpFormer(
  context: LookUpContext,
  remembered: ExpiringMap<string, FormerKey>,
  address: EmailAddress,
  fingerprint: Fingerprint,
  options: DiscoverOptions,
): Promise<FormerKey> {
  if (context.isLocal(address.domain)) return await formerOfOurs(context, fingerprint);
  const kept = await keptKey(context, address, fingerprint);
  const remembers = { map: remembered, key: `${address.domain} ${fingerprint}` };
  if (options.cacheOnly === true)
    return await fromMemory(context, address, fingerprint, kept, remembers);
  if (kept?.kind !== "found")
    return await askOnce(context, address, fingerprint, options, remembers);
  if (isFresh(kept, context.clock.now())) return kept;
  const former = await askNetwork(context, address, fingerprint, options);
  return former.kind === "unreachable" ? kept : former;
}

type Remembers = { readonly map: ExpiringMap<string, FormerKey>; readonly key: string };

async function fromMemory(
  context: LookUpContext,
  address: EmailAddress,
  fingerprint: Fingerprint,
  kept: FormerKey | undefined,
  { map, key }: Remembers,
): Promise<FormerKey> {
  const known = kept ?? map.get(key);
  if (known !== undefined && known.kind !== "unreachable") return known;
  // To be asked for by the hour: the keyserver must not learn when mail is read.
  await wantAuthorKey(context.store, address, fingerprint, context.clock.now());
  return { kind: "unreachable", reason: "not asked" };
}

async function askOnce(
  context: LookUpContext,
  address: EmailAddress,
  fingerprint: Fingerprint,
  options: DiscoverOptions,
  { map, key }: Remembers,
): Promise<FormerKey> {
  const known = map.get(key);
  if (known !== undefined) return known;
  const former = await askNetwork(context, address, fingerprint, options);
  const lifeMs = former.kind === "unreachable" ? UNREACHABLE_MS : ABSENT_MS;
  if (former.kind !== "found") map.set(key, former, after(context.clock.now(), lifeMs));
  return former;
}

/** What is known of a key without asking, or noting that it should be asked for. */
export async function findKept(
  context: LookUpContext,
  address: EmailAddress,
  fingerprint: Fingerprint,
): Promise<FormerKey | undefined> {
  return context.isLocal(address.domain)
    ? await formerOfOurs(context, fingerprint)
    : await keptKey(context, address, fingerprint);
}

function isFresh({ keptAt }: Extract<FormerKey, { kind: "found" }>, now: Date): boolean {
  return keptAt !== undefined && now < after(keptAt, DAY);
}

/** Whether the keyserver has just failed to answer: the second question would only take as long again. */
function isSilent(context: LookUpContext, address: EmailAddress, options: DiscoverOptions) {
  return context.remembered.get(rememberedBy(address, options))?.code === "UNSURE-KS";
}

/**
 * One that ended without a revocation, because only its owner could make it, counts no longer than it was published: the
 * address may be somebody else's since. A revocation that it carries is judged with it.
 */
async function formerOfOurs(context: LookUpContext, fingerprint: Fingerprint): Promise<FormerKey> {
  for (const { bytes, state, revokedAt: at } of await findById(context.store, fingerprint)) {
    const certificate = await readOne(bytes);
    if (certificate !== undefined && hasFingerprint(certificate, fingerprint)) {
      const ended =
        state === "active" || at === undefined ? {} : { revoked: { isHard: false, at } };
      return { kind: "found", certificate, ...ended };
    }
  }
  return { kind: "absent" };
}

async function readOne(bytes: Uint8Array): Promise<Certificate | undefined> {
  const parsed = await parseCertificates(bytes);
  return parsed.kind === "parsed" ? parsed.certificates[0] : undefined;
}

async function askNetwork(
  context: LookUpContext,
  address: EmailAddress,
  fingerprint: Fingerprint,
  options: DiscoverOptions,
): Promise<FormerKey> {
  if (isSilent(context, address, options)) {
    return { kind: "unreachable", reason: "it did not answer about the address" };
  }
  const signal = AbortSignal.timeout(LOOK_UP_MS);
  const location = await locate(context, address.domain, signal);
  if (location.kind === "unsure") return { kind: "unreachable", reason: location.reason };
  if (location.kind === "no-service") return { kind: "absent" };
  const isForIncoming = options.isForIncoming === true;
  const { answer } = await askInTurn(location.targets, signal, (target) =>
    askForFingerprint(context.get, { target, address, isForIncoming, signal }, fingerprint),
  );
  switch (answer.kind) {
    case "key": {
      const { certificate } = answer;
      await keepAuthorKey(context, address, certificate, context.clock.now());
      const revoked = await missingRevocation(context.store, certificate);
      return { kind: "found", certificate, ...(revoked === undefined ? {} : { revoked }) };
    }
    case "no-key":
      return { kind: "absent" };
    case "failed":
      return { kind: "unreachable", reason: answer.reason };
    case "unusable":
      return { kind: "unreachable", reason: "not judged here" };
  }
}
