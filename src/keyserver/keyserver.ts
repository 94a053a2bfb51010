/**
 * The keyserver: what the world may read. A read-only HKP server, versions 1 (draft-shaw-openpgp-hkp-00) and 2
 * (draft-ietf-openpgp-hkp), and a Web Key Directory (draft-koch-openpgp-webkey-service), all from the same rows.
 *
 * A question by address gets the active certificate only. A question by fingerprint or key ID also gets revoked certificates:
 * whoever holds one must be able to learn that it ended. Nothing can be uploaded, and nothing can be searched for by a part of
 * a name: a keyserver that lists its users is a gift to spammers. A network that asks for many addresses that do not exist is
 * slowed down (`misses.ts`).
 *
 * This process holds no secret. It reads through a view that sees nothing but published certificates, and never imports
 * `vault/` or `keys/`. A request is a `question.ts`: `hkp.ts`, `hkp-v2.ts` and `directory.ts` read it, `find.ts` finds, and the
 * question tells how to say what was found. Nothing is kept between requests, so no answer is older than the last commit.
 * `lane/` is its HTTPS server.
 */
import { networkOf } from "../base/network.ts";
import type { Clock } from "../base/time.ts";
import { canonicalAddress, type Domain } from "../mail/address.ts";
import type { PublishedView, ViewedCertificate } from "../store/keys/published-view.ts";
import { absent, allowed, healthy, malformed, methods, openToAll, tooMany } from "./answers.ts";
import { DIRECTORY_PREFIX, directoryQuestion } from "./directory.ts";
import { find, type FindDeps } from "./find.ts";
import { V2_PREFIX, v2Options, v2Question } from "./hkp-v2.ts";
import { makeHkp } from "./hkp.ts";
import { makeRateLimit, type RateLimit } from "./lane/rate-limit.ts";
import type { Asked, WholeAnswer, WholeApplication } from "./lane/whole-answer.ts";
import { type MissedPairs, missedPairs } from "./missed-pairs.ts";
import { type MissBudget, type MissLimits, missBudget, PEER } from "./misses.ts";
import { startPage, STYLE_PATH, stylesheet } from "./pages.ts";
import { answered, type Question, type Search } from "./question.ts";

export type KeyserverDeps = {
  readonly view: PublishedView;
  readonly domains: readonly Domain[];
  readonly clock: Clock;
  /** What pages call this server: its name, with the port if it is not 443. */
  readonly place: string;
  readonly limits?: Partial<KeyserverLimits>;
  /** Addresses of providers who look up many: `peerMissesPerMinute` holds for them. */
  readonly isPeer?: (address: string) => boolean;
};

/** For each client network (/24 or /48), in a minute; twice that in a burst. */
export type KeyserverLimits = MissLimits & {
  readonly idMissesPerMinute: number;
  /** Of whatever outcome: what one network may cost the database. */
  readonly lookUpsPerMinute: number;
};

/** Misses are what harvesting looks like; one big provider asks for many addresses, and hits. */
const DEFAULT_LIMITS: KeyserverLimits = {
  addressMissesPerMinute: 60,
  peerMissesPerMinute: 6000,
  idMissesPerMinute: 600,
  lookUpsPerMinute: 60_000,
};

/** To give to `startHttps` beside the application. */
export const keyserverHttp = { methods, headers: openToAll };

/** What a Host field may hold (RFC 9110 §7.2); HTTP/1.0 needs none. */
const HOST = /^[-\w.:[\]]*$/;

type Limits = { readonly address: MissBudget; readonly id: RateLimit; readonly all: RateLimit };
type LookUpDeps = FindDeps & {
  readonly limits: Limits;
  readonly clock: Clock;
  readonly pairs: MissedPairs;
};
type Lookup = Extract<Question, { kind: "lookup" }>;

/** The application, for `startHttps({ ...keyserver(deps), ...keyserverHttp })`. `/healthz` is in it. */
export function keyserver(deps: KeyserverDeps): WholeApplication {
  const { view, clock } = deps;
  const limits = makeLimits({ ...DEFAULT_LIMITS, ...deps.limits });
  const questionIn = makeReader(deps);
  const pairs = missedPairs(clock);
  const looking = { view, domains: new Set(deps.domains), limits, clock, pairs };
  const networks = new WeakMap<object, string>();
  const answer = (asked: Asked): WholeAnswer | Promise<WholeAnswer> => {
    const question = questionIn(asked);
    if (question.kind === "answered") return question.answer;
    const { socket } = asked;
    let network = networks.get(socket);
    if (network === undefined) {
      const address = socket.remoteAddress ?? "";
      network = `${deps.isPeer?.(address) === true ? PEER : ""}${networkOf(address)}`;
      networks.set(socket, network);
    }
    return lookUp(looking, network, question);
  };
  return { answer, together: view.together };
}

function makeLimits(limits: KeyserverLimits): Limits {
  const withBurst = (perMinute: number): RateLimit => makeRateLimit({ perMinute, bursts: 2 });
  return {
    address: missBudget(limits),
    id: withBurst(limits.idMissesPerMinute),
    all: withBurst(limits.lookUpsPerMinute),
  };
}

/** The request line counts as it came: what a URL parser would mend (dot segments, backslashes) is not our path. */
function makeReader(deps: KeyserverDeps): (asked: Asked) => Question {
  const hkpQuestion = makeHkp();
  const domains = new Set(deps.domains);
  const pages = new Map<string, WholeAnswer>([
    ["/", startPage(deps.domains, deps.place)],
    [STYLE_PATH, stylesheet],
    ["/healthz", healthy],
  ]);
  return ({ url, method, host }) => {
    if (!HOST.test(host)) return answered(malformed);
    const mark = url.indexOf("?");
    const path = mark < 0 ? url : url.slice(0, mark);
    const query = mark < 0 ? "" : url.slice(mark + 1);
    if (method === "OPTIONS") {
      return answered(
        path.startsWith(V2_PREFIX) ? v2Options(path.slice(V2_PREFIX.length)) : allowed,
      );
    }
    if (path === "/pks/lookup") return hkpQuestion(query);
    if (path.startsWith(V2_PREFIX)) return v2Question(path.slice(V2_PREFIX.length));
    if (path.startsWith(DIRECTORY_PREFIX)) {
      const rest = path.slice(DIRECTORY_PREFIX.length);
      return directoryQuestion(domains, { rest, query, host });
    }
    return answered(pages.get(path) ?? absent);
  };
}

/**
 * Only misses use up the budget. A miss in both versions for one address is one miss. A miss is known only when the database
 * has answered, so that the budget is checked before the query and again after it. The first check keeps a network without
 * budget from costing anything. With the second, guesses that are under way at once get no more answers than guesses one after
 * the other; hits that are under way count nothing and never stop each other. A spent budget stops hits too: otherwise the
 * difference would tell which guesses were right.
 */
function lookUp(
  deps: LookUpDeps,
  network: string,
  question: Lookup,
): WholeAnswer | Promise<WholeAnswer> {
  const { limits, clock, pairs } = deps;
  const now = clock.now();
  const misses = question.search.kind === "id" ? limits.id : limits.address;
  // The second half of a pair was counted with the first.
  const isCounted = question.isSecond === true && pairs.end(network, question.search);
  const before = misses.look(network, now);
  if (before.kind === "spent" && !isCounted) return tooMany(before.waitMs);
  const cost = limits.all.take(network, now);
  if (cost.kind === "spent") return tooMany(cost.waitMs);
  const tell = (rows: readonly ViewedCertificate[]): WholeAnswer | Promise<WholeAnswer> => {
    const found = question.onlyVersion4 ? rows.filter(({ version }) => version === 4) : rows;
    const isAbsent = found.length === 0;
    if (isCounted) return isAbsent ? question.absent : question.tell(found, now);
    // Who asks version 1 for what only version 2 gives guesses nothing.
    const isMiss = rows.length === 0;
    // The time of now: with that of then a window that began meanwhile would begin anew.
    const budget = isMiss ? misses.take(network, clock.now()) : misses.look(network, clock.now());
    if (budget.kind === "spent") return tooMany(budget.waitMs);
    if (isAbsent && question.onlyVersion4) pairs.begin(network, question.search);
    if (!isMiss) noteHit(limits.address, network, question.search, now);
    return isAbsent ? question.absent : question.tell(found, now);
  };
  const rows = find(deps, question.search, now);
  return rows instanceof Promise ? rows.then(tell) : tell(rows);
}

function noteHit({ found }: MissBudget, network: string, search: Search, now: Date): void {
  if (search.kind === "address") found(network, canonicalAddress(search.address), now);
  if (search.kind === "directory") found(network, search.name, now);
}
