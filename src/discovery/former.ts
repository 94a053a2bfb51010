import { MINUTE, SECOND, after } from "../base/time.ts";
import type { EmailAddress } from "../mail/address.ts";
import { type Certificate, parseCertificates } from "../openpgp/certificate.ts";
import type { Fingerprint } from "../openpgp/fingerprint.ts";
import { findById } from "../store/certificates.ts";
import type { ExpiringMap } from "../base/expiring-map.ts";
import { askForFingerprint, hasFingerprint } from "./by-hkp.ts";
import type { DiscoverOptions, FormerKey } from "./discovery.ts";
import { locate } from "./locate.ts";
import { type LookUpContext, askInTurn } from "./look-up.ts";
import { learnRevocation } from "./revocations.ts";

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
  const key = `${address.domain} ${fingerprint}`;
  const known = remembered.get(key);
  if (known !== undefined) return known;
  if (options.cacheOnly === true) return { kind: "unreachable", reason: "not asked" };
  const former = await askNetwork(context, address, fingerprint, options);
  const lifeMs = former.kind === "unreachable" ? UNREACHABLE_MS : ABSENT_MS;
  if (former.kind !== "found") remembered.set(key, former, after(context.clock.now(), lifeMs));
  return former;
}

async function formerOfOurs(context: LookUpContext, fingerprint: Fingerprint): Promise<FormerKey> {
  for (const { bytes } of await findById(context.store, fingerprint)) {
    const certificate = await readOne(bytes);
    if (certificate !== undefined && hasFingerprint(certificate, fingerprint)) {
      return { kind: "found", certificate };
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
  const signal = AbortSignal.timeout(LOOK_UP_MS);
  const location = await locate(context, address.domain, signal);
  if (location.kind === "unsure") return { kind: "unreachable", reason: location.reason };
  if (location.kind === "no-service") return { kind: "absent" };
  const isForIncoming = options.isForIncoming === true;
  const { answer } = await askInTurn(location.targets, signal, (target) =>
    askForFingerprint(context.get, { target, address, isForIncoming, signal }, fingerprint),
  );
  switch (answer.kind) {
    case "key":
      await learnRevocation(context.store, answer.certificate);
      return { kind: "found", certificate: answer.certificate };
    case "no-key":
      return { kind: "absent" };
    case "failed":
      return { kind: "unreachable", reason: answer.reason };
    case "unusable":
      return { kind: "unreachable", reason: "not judged here" };
  }
}
