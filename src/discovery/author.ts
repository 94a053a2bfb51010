/**
 * What an author's own domain says now about the keys of that author. A signature is judged by an answer whose question was
 * sent after the message arrived, or within the five minutes before. The cache of certificates, which may be a day old, is
 * for encrypting: a key that was revoked yesterday must not sign today.
 *
 * `ask…` may go to the network; it is called because mail came in, or by the hour for mail that waits. `known…` never does:
 * it is called because somebody reads, and no keyserver may learn when.
 */
import { ExpiringMap } from "../base/expiring-map.ts";
import { MINUTE, SECOND, after } from "../base/time.ts";
import { type CanonicalAddress, canonicalAddress, type EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import {
  readAuthorAnswer,
  saveAuthorAnswer,
  type StoredAnswer,
} from "../store/discovery/author-answers.ts";
import { wantAuthorKey } from "../store/discovery/author-keys.ts";
import { readCache } from "../store/discovery/cache.ts";
import { conditionalGet } from "./conditional-get.ts";
import type { LookUpContext } from "./context.ts";
import { Flights } from "./flights.ts";
import { byLocal } from "./local.ts";
import { askNetwork, rememberFailure, rememberedFailure } from "./look-up.ts";
import { MissBudget } from "./miss-budget.ts";
import type { Discovery } from "./outcome.ts";
import { learnRevocation, missingRevocation, type Revocation } from "./revocations.ts";

export type AuthorKey = {
  readonly certificate: Certificate;
  /** Seen at another time; of a key of our own, when it ended. */
  readonly revoked?: Revocation;
};

/** What is said about an address. `keys` are all that the domain serves for it, those that have ended too. */
export type AuthorAnswer =
  | {
      readonly kind: "answered";
      readonly code: StoredAnswer["code"] | "LOCAL";
      readonly keys: readonly AuthorKey[];
      /**
       * The keys that the domain served when the mail came, where that is known: later answers may take from these, and
       * add none. Whoever has the address now did not write what came before.
       */
      readonly named?: ReadonlySet<Fingerprint>;
    }
  | { readonly kind: "unreachable"; readonly reason: string };

/** What is said about one key, by its fingerprint. */
export type AuthorKeyAnswer =
  | (AuthorKey & { readonly kind: "found" })
  | { readonly kind: "absent" }
  | { readonly kind: "unreachable"; readonly reason: string };

/** How long before a message's arrival its author's key may have been confirmed. */
export const CONFIRMED_BEFORE_MS = 5 * MINUTE;
/** Minimum time between two questions about one author. */
const QUESTION_GAP_MS = 10 * SECOND;
/** Maximum number of authors of whom it is remembered when they were asked about. */
const MAX_AUTHORS = 20_000;
/** Maximum number of served certificates that are kept for one address. */
const MAX_SERVED = 4;
/** Maximum size of one kept certificate (THREAT_MODEL.md G12). */
const MAX_OCTETS = 64 * 1024;

/** The answers about addresses, for one process. */
export class AuthorAnswers {
  readonly #context: LookUpContext;
  readonly #flights = new Flights<AuthorAnswer>();
  readonly #askedAt: ExpiringMap<CanonicalAddress, Date>;
  readonly #misses: MissBudget;

  constructor(context: LookUpContext) {
    this.#context = { ...context, get: conditionalGet(context.get, context.wall) };
    this.#askedAt = new ExpiringMap(MAX_AUTHORS, context.wall.now);
    this.#misses = new MissBudget(context.clock);
  }

  /** From what was answered for mail that arrived at `arrivedAt`; nobody is asked. */
  async known(author: EmailAddress, arrivedAt: Date): Promise<AuthorAnswer> {
    const { isLocal } = this.#context;
    if (isLocal(author.domain)) return await localAnswer(this.#context, author);
    const stored = await readAuthorAnswer(this.#context.store, author, this.#context.wall.now());
    return stored !== undefined && isConfirmed(stored, arrivedAt)
      ? await this.#answerOf(stored)
      : { kind: "unreachable", reason: "not asked since it arrived" };
  }

  /** As `known`, and else asks. One answer serves all mail of the author that arrived before its question was sent. */
  async ask(author: EmailAddress, arrivedAt: Date): Promise<AuthorAnswer> {
    const known = await this.known(author, arrivedAt);
    if (known.kind === "answered") return known;
    const key = canonicalAddress(author);
    const answer = await this.#flights.share(key, async () => {
      const failure = rememberedFailure(this.#context, author);
      if (failure !== undefined) return { kind: "unreachable", reason: failure };
      if (this.#askedAt.get(key) !== undefined) {
        return { kind: "unreachable", reason: "asked a moment ago" };
      }
      return await this.#askNow(author, key);
    });
    // A question that was sent before this mail came may have said that its answer holds for no other.
    return answer.kind === "answered" ? await this.known(author, arrivedAt) : answer;
  }

  async #askNow(author: EmailAddress, key: CanonicalAddress): Promise<AuthorAnswer> {
    const askedAt = this.#context.wall.now();
    const isKnown = await this.#isKnown(author, askedAt);
    const miss = isKnown ? undefined : this.#misses.take(author.domain);
    if (!isKnown && miss === undefined) {
      return { kind: "unreachable", reason: "too many unknown authors of this domain" };
    }
    this.#askedAt.set(key, askedAt, after(askedAt, QUESTION_GAP_MS));
    const asked = await askNetwork(this.#context, author, { isForIncoming: true });
    const { discovery, served, freshMs } = asked;
    if (!isMiss(discovery)) miss?.giveBack();
    if (discovery.kind === "unreachable") {
      rememberFailure(this.#context, author, asked);
      return { kind: "unreachable", reason: discovery.reason };
    }
    const code = discovery.kind === "found" ? "OK" : discovery.code;
    const kept = served.filter(({ bytes }) => bytes.length <= MAX_OCTETS).slice(0, MAX_SERVED);
    for (const certificate of kept) await learnRevocation(this.#context, certificate);
    const answer: StoredAnswer = {
      code,
      certificates: Buffer.concat(kept.map(({ bytes }) => bytes)),
      askedAt,
      validMs: Math.min(CONFIRMED_BEFORE_MS, freshMs),
    };
    await this.#noteReplaced(author, kept, askedAt);
    await saveAuthorAnswer(this.#context.store, author, answer);
    return await this.#answerOf(answer);
  }

  /** Whether the domain once had a key for the address, as far as is remembered. */
  async #isKnown(author: EmailAddress, now: Date): Promise<boolean> {
    const { store } = this.#context;
    const answer = await readAuthorAnswer(store, author, now);
    if (answer !== undefined && answer.certificates.length > 0) return true;
    return (await readCache(store, author, now)) !== undefined;
  }

  /** A key that is served no longer may have signed mail that waits: what became of it is asked by its fingerprint. */
  async #noteReplaced(
    author: EmailAddress,
    served: readonly Certificate[],
    askedAt: Date,
  ): Promise<void> {
    const before = await readAuthorAnswer(this.#context.store, author, askedAt);
    const current = new Set(served.map(({ fingerprint }) => fingerprint));
    if (before === undefined) return;
    for (const { fingerprint } of await certificatesIn(this.#context, before)) {
      if (!current.has(fingerprint)) {
        await wantAuthorKey(this.#context.store, author, fingerprint, askedAt);
      }
    }
  }

  async #answerOf(stored: StoredAnswer): Promise<AuthorAnswer> {
    const keys: AuthorKey[] = [];
    for (const certificate of await certificatesIn(this.#context, stored)) {
      const revoked = await missingRevocation(this.#context, certificate);
      keys.push({ certificate, ...(revoked === undefined ? {} : { revoked }) });
    }
    return { kind: "answered", code: stored.code, keys };
  }
}

function isMiss(discovery: Discovery): boolean {
  return discovery.kind === "absent" && discovery.code === "NOKEY";
}

function isConfirmed({ askedAt, validMs }: StoredAnswer, arrivedAt: Date): boolean {
  return askedAt >= after(arrivedAt, -validMs);
}

async function localAnswer(context: LookUpContext, author: EmailAddress): Promise<AuthorAnswer> {
  const discovery = await byLocal(context, author);
  return discovery.kind === "found"
    ? { kind: "answered", code: "LOCAL", keys: [{ certificate: discovery.certificate }] }
    : { kind: "answered", code: "NOKEY", keys: [] };
}

async function certificatesIn(
  { work }: LookUpContext,
  { certificates }: StoredAnswer,
): Promise<readonly Certificate[]> {
  if (certificates.length === 0) return [];
  const parsed = await work.parseCertificates(certificates);
  return parsed.kind === "parsed" ? parsed.certificates : [];
}
