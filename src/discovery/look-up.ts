import { MINUTE, SECOND, after } from "../base/time.ts";
import type { SrvRecord } from "../dns/dns.ts";
import { type EmailAddress, canonicalAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { deleteCache } from "../store/discovery/cache.ts";
import { forgetUnusable } from "../store/discovery/unusable-answers.ts";
import { badKey, withAge } from "./bad-key.ts";
import { type KeyserverAnswer, askForAddress } from "./by-hkp.ts";
import { type Cached, findCached, freshFor, keep } from "./cache.ts";
import type { LookUpContext } from "./context.ts";
import { locate } from "./locate.ts";
import type { Discovery, Evidence } from "./outcome.ts";
import { acceptServed } from "./revocations.ts";

const LOOK_UP_MS = 15 * SECOND;
const NO_KEY_MS = 15 * MINUTE;
const UNREACHABLE_MS = MINUTE;
/** How long a domain's word that it has no service holds; the resolver keeps it by its own TTL. */
const DNS_FRESH_MS = 5 * MINUTE;

/** Looks up an address of another provider for its senders: cache, memory, then DNS and keyserver. */
export async function lookUp(context: LookUpContext, address: EmailAddress): Promise<Discovery> {
  const cached = await findCached(context, address, context.clock.now());
  if (cached?.isFresh === true) return fromCache(context, cached);
  const key = rememberedBy("out", address);
  const answer = context.remembered.get(key) ?? (await askAndRemember(context, key, address));
  const discovery = await withAge(context, address, answer);
  // An older key is better than none while nobody can be asked; one that was just refuted is not.
  const isSilence = discovery.kind === "unreachable" && discovery.code !== "BADKEY";
  return isSilence && cached !== undefined
    ? fromCache(context, cached, `not checked again: ${discovery.reason}`)
    : discovery;
}

/** What incoming mail may not ask, users still may: they do not share their failures. */
function rememberedBy(asking: "in" | "out", address: EmailAddress): string {
  return `${asking} ${canonicalAddress(address)}`;
}

/** Why a question that incoming mail caused got no answer a moment ago, so that the next one would take as long again. */
export function rememberedFailure(
  context: LookUpContext,
  address: EmailAddress,
): string | undefined {
  const known = context.remembered.get(rememberedBy("in", address));
  return known?.kind === "unreachable" ? known.reason : undefined;
}

/** Remembers that a question that incoming mail caused got no answer. */
export function rememberFailure(
  context: LookUpContext,
  address: EmailAddress,
  { discovery, lifeMs }: Asked,
): void {
  if (lifeMs === 0) return;
  const until = after(context.clock.now(), lifeMs);
  context.remembered.set(rememberedBy("in", address), discovery, until);
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

/** What asking came to. */
export type Asked = {
  readonly discovery: Discovery;
  /** How long it is remembered here, in milliseconds: nothing that the cache or the DNS remembers. */
  readonly lifeMs: number;
  /** All certificates in the answer, whatever they are worth. */
  readonly served: readonly Certificate[];
  /** How long the answer stays fresh by its own word, in milliseconds. */
  readonly freshMs: number;
};

async function askAndRemember(
  context: LookUpContext,
  key: string,
  address: EmailAddress,
): Promise<Discovery> {
  const { discovery, lifeMs } = await askNetwork(context, address, { isForIncoming: false });
  if (lifeMs > 0) context.remembered.set(key, discovery, after(context.clock.now(), lifeMs));
  return discovery;
}

/** Asks DNS and keyserver; what is found is cached for encrypting. */
export async function askNetwork(
  context: LookUpContext,
  address: EmailAddress,
  { isForIncoming }: { readonly isForIncoming: boolean },
): Promise<Asked> {
  const signal = AbortSignal.timeout(LOOK_UP_MS);
  const location = await locate(context, address.domain, signal);
  const checkedAt = context.clock.now();
  const { dns } = location;
  const fromDns = { lifeMs: 0, served: [], freshMs: DNS_FRESH_MS } as const;
  switch (location.kind) {
    case "unsure": {
      const { reason } = location;
      const evidence = { dns, checkedAt };
      const discovery = { kind: "unreachable", code: "UNSURE-DNS", reason, evidence } as const;
      return { discovery, ...fromDns };
    }
    case "no-service":
      if (location.isProven) {
        await forgetUnusable(context.store, address);
        await deleteCache(context.store, address);
      }
      return {
        discovery: { kind: "absent", code: location.code, evidence: { dns, checkedAt } },
        ...fromDns,
      };
    case "located": {
      const { answer, keyserver } = await askInTurn(location.targets, signal, (target) =>
        askForAddress(context.get, {
          target,
          address,
          isForIncoming,
          signal,
          now: checkedAt,
          work: context.work,
          accept: (one) => acceptServed(context, one, address, checkedAt),
        }),
      );
      const evidence = { dns, ...(keyserver === "" ? {} : { keyserver }), checkedAt };
      const concludedAs = await concluded(context, address, answer, evidence);
      const served = answer.kind === "key" || answer.kind === "unusable" ? answer.served : [];
      const freshMs = answer.kind === "failed" ? 0 : (freshFor(answer.cacheControl) ?? 0);
      return { ...concludedAs, served, freshMs };
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
): Promise<Pick<Asked, "discovery" | "lifeMs">> {
  switch (answer.kind) {
    case "key": {
      const { certificate, cacheControl, expires } = answer;
      const keyserver = evidence.keyserver ?? "";
      const fetchedAt = context.clock.now();
      await forgetUnusable(context.store, address);
      await keep(context.store, {
        address,
        certificate,
        keyserver,
        fetchedAt,
        cacheControl,
        expires,
      });
      return {
        discovery: { kind: "found", certificate, source: "hkp", code: "OK", fetchedAt, evidence },
        lifeMs: 0,
      };
    }
    case "no-key":
      await forgetUnusable(context.store, address);
      await deleteCache(context.store, address);
      return {
        discovery: { kind: "absent", code: "NOKEY", evidence },
        lifeMs: Math.min(NO_KEY_MS, freshFor(answer.cacheControl) ?? 0),
      };
    case "unusable": {
      await deleteCache(context.store, address);
      const discovery = badKey(answer.reasons, evidence);
      if (discovery.kind === "absent") await forgetUnusable(context.store, address);
      return { discovery, lifeMs: NO_KEY_MS };
    }
    case "failed": {
      const { reason } = answer;
      const discovery = { kind: "unreachable", code: "UNSURE-KS", reason, evidence } as const;
      return { discovery, lifeMs: UNREACHABLE_MS };
    }
  }
}
