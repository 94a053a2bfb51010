import { MINUTE, SECOND, after } from "../base/time.ts";
import type { SrvRecord } from "../dns/resolver.ts";
import { type EmailAddress, canonicalAddress } from "../mail/address.ts";
import type { UnusableReason } from "../openpgp/acceptance.ts";
import { deleteCache } from "../store/cache.ts";
import { keepAuthorKey, keptCertificate } from "./author-keys.ts";
import { type KeyserverAnswer, askForAddress } from "./by-hkp.ts";
import { type Cached, findCached, freshFor, keep } from "./cache.ts";
import type { Discovery, DiscoverOptions, Evidence } from "./outcome.ts";
import { locate } from "./locate.ts";
import { acceptServed } from "./revocations.ts";
import type { LookUpContext } from "./context.ts";

const LOOK_UP_MS = 15 * SECOND;
const NO_KEY_MS = 15 * MINUTE;
const UNREACHABLE_MS = MINUTE;

/**
 * Why a certificate cannot be used, read as an answer of its domain or as a possible attack or fault, which must not lead
 * to clear text. What time alone may mend is no answer either.
 */
const MEANING: Record<UnusableReason, "absent" | "unreachable"> = {
  revoked: "absent",
  expired: "absent",
  "no-encryption-key": "absent",
  "no-signing-key": "absent",
  "weak-algorithm": "absent",
  "unsupported-version": "absent",
  "wrong-user-id": "unreachable",
  "bad-self-signature": "unreachable",
  unparsable: "unreachable",
  "not-yet-valid": "unreachable",
};

/** Looks up an address of another provider: cache, memory, then DNS and keyserver. */
export async function lookUp(
  context: LookUpContext,
  address: EmailAddress,
  options: DiscoverOptions,
): Promise<Discovery> {
  const cached = await findCached(context.store, address, context.clock.now());
  const isCacheOnly = options.cacheOnly === true;
  if (cached !== undefined && (cached.isFresh || isCacheOnly)) return fromCache(context, cached);
  const key = rememberedBy(address, options);
  const remembered = context.remembered.get(key);
  if (isCacheOnly) {
    const kept =
      options.forSignatures === true ? await keptCertificate(context, address) : undefined;
    return kept ?? remembered ?? unreachable(context, "not asked");
  }
  const discovery = remembered ?? (await askAndRemember(context, key, address, options));
  // An older key is better than none while nobody can be asked; one that was just refuted is not.
  const isSilence = discovery.kind === "unreachable" && discovery.code !== "BADKEY";
  return isSilence && cached !== undefined
    ? fromCache(context, cached, `not checked again: ${discovery.reason}`)
    : discovery;
}

/** What incoming mail may not ask, users still may: they do not share their failures. */
export function rememberedBy(address: EmailAddress, options: DiscoverOptions): string {
  return `${options.isForIncoming === true ? "in" : "out"} ${canonicalAddress(address)}`;
}

function fromCache(context: LookUpContext, cached: Cached, detail?: string): Discovery {
  return {
    kind: "found",
    certificate: cached.certificate,
    source: "cache",
    code: "OK-CACHE",
    fetchedAt: cached.fetchedAt,
    evidence: {
      keyserver: cached.keyserver,
      ...(detail === undefined ? {} : { detail }),
      checkedAt: context.clock.now(),
    },
  };
}

function unreachable(context: LookUpContext, reason: string): Discovery {
  const evidence = { checkedAt: context.clock.now() };
  return { kind: "unreachable", code: "UNSURE-KS", reason, evidence };
}

/** What asking came to, and how long it is remembered here: nothing that the cache or the DNS remembers. */
type Asked = { readonly discovery: Discovery; readonly lifeMs: number };

async function askAndRemember(
  context: LookUpContext,
  key: string,
  address: EmailAddress,
  options: DiscoverOptions,
): Promise<Discovery> {
  const { discovery, lifeMs } = await askNetwork(context, address, options);
  if (lifeMs > 0) context.remembered.set(key, discovery, after(context.clock.now(), lifeMs));
  return discovery;
}

async function askNetwork(
  context: LookUpContext,
  address: EmailAddress,
  options: DiscoverOptions,
): Promise<Asked> {
  const signal = AbortSignal.timeout(LOOK_UP_MS);
  const location = await locate(context, address.domain, signal);
  const checkedAt = context.clock.now();
  const { dns } = location;
  switch (location.kind) {
    case "unsure": {
      const { reason } = location;
      const evidence = { dns, checkedAt };
      const discovery = { kind: "unreachable", code: "UNSURE-DNS", reason, evidence } as const;
      return { discovery, lifeMs: 0 };
    }
    case "no-service":
      if (location.isProven) await deleteCache(context.store, address);
      return {
        discovery: { kind: "absent", code: location.code, evidence: { dns, checkedAt } },
        lifeMs: 0,
      };
    case "located": {
      const isForIncoming = options.isForIncoming === true;
      const { answer, keyserver } = await askInTurn(location.targets, signal, (target) =>
        askForAddress(context.get, {
          target,
          address,
          isForIncoming,
          signal,
          now: checkedAt,
          accept: (one) => acceptServed(context, one, address, checkedAt),
        }),
      );
      const evidence = { dns, ...(keyserver === "" ? {} : { keyserver }), checkedAt };
      if (isForIncoming && answer.kind === "unusable") {
        for (const one of answer.former) await keepAuthorKey(context, address, one, checkedAt);
      }
      return await concluded(context, address, answer, evidence);
    }
  }
}

/** One target after the other until one gives an answer. */
export async function askInTurn(
  targets: readonly SrvRecord[],
  signal: AbortSignal,
  askOne: (target: SrvRecord) => Promise<KeyserverAnswer>,
): Promise<{ readonly answer: KeyserverAnswer; readonly keyserver: string }> {
  let last = {
    answer: { kind: "failed", reason: "no usable target" } as KeyserverAnswer,
    keyserver: "",
  };
  for (const target of targets) {
    last = { answer: await askOne(target), keyserver: `${target.target}:${target.port}` };
    if (last.answer.kind !== "failed" || signal.aborted) break;
  }
  return last;
}

async function concluded(
  context: LookUpContext,
  address: EmailAddress,
  answer: KeyserverAnswer,
  evidence: Evidence,
): Promise<Asked> {
  switch (answer.kind) {
    case "key": {
      const { certificate, cacheControl } = answer;
      const keyserver = evidence.keyserver ?? "";
      const fetchedAt = context.clock.now();
      await keep(context.store, { address, certificate, keyserver, fetchedAt, cacheControl });
      return {
        discovery: { kind: "found", certificate, source: "hkp", code: "OK", fetchedAt, evidence },
        lifeMs: 0,
      };
    }
    case "no-key":
      await deleteCache(context.store, address);
      return {
        discovery: { kind: "absent", code: "NOKEY", evidence },
        lifeMs: Math.min(NO_KEY_MS, freshFor(answer.cacheControl) ?? 0),
      };
    case "unusable":
      await deleteCache(context.store, address);
      return { discovery: badKey(answer.reasons, evidence), lifeMs: NO_KEY_MS };
    case "failed": {
      const { reason } = answer;
      const discovery = { kind: "unreachable", code: "UNSURE-KS", reason, evidence } as const;
      return { discovery, lifeMs: UNREACHABLE_MS };
    }
  }
}

function badKey(reasons: readonly UnusableReason[], evidence: Evidence): Discovery {
  const doubtful = reasons.find((reason) => MEANING[reason] === "unreachable");
  const [reason = "unparsable"] = reasons;
  return doubtful === undefined
    ? { kind: "absent", code: "BADKEY", reason, evidence }
    : { kind: "unreachable", code: "BADKEY", reason: doubtful, evidence };
}
