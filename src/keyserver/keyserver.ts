/**
 * What the world may read: HKP v1 and v2 and a Web Key Directory, all from the same rows; by address the active certificate
 * only, by fingerprint or key ID any. It reads through a view that sees nothing else and never imports `keys/`.
 *
 * A request is a `question.ts`: `hkp.ts`, `hkp-v2.ts` and `directory.ts` read it, `find.ts` finds, and the question tells
 * how to say what was found. Nothing is kept between requests, so no answer is older than the last commit.
 */
import { networkOf } from "../base/network.ts";
import type { Clock } from "../base/time.ts";
import { makeRateLimit, type RateLimit } from "../http/rate-limit.ts";
import type { Asked, WholeAnswer, WholeApplication } from "../http/whole-answer.ts";
import type { Domain } from "../mail/address.ts";
import type { PublishedView, ViewedCertificate } from "../store/published-view.ts";
import { absent, allowed, healthy, malformed, methods, openToAll, tooMany } from "./answers.ts";
import { DIRECTORY_PREFIX, directoryQuestion } from "./directory.ts";
import { find, type FindDeps } from "./find.ts";
import { makeHkp } from "./hkp.ts";
import { V2_PREFIX, v2Options, v2Question } from "./hkp-v2.ts";
import { startPage, STYLE_PATH, stylesheet } from "./pages.ts";
import { answered, type Question } from "./question.ts";

export type KeyserverDeps = {
  readonly view: PublishedView;
  readonly domains: readonly Domain[];
  readonly clock: Clock;
  /** What pages call this server: its name, with the port if it is not 443. */
  readonly place: string;
  readonly limits?: Partial<KeyserverLimits>;
};

/** Look-ups a minute for each client network (/24 or /48); twice that in a burst. */
export type KeyserverLimits = {
  readonly addressMissesPerMinute: number;
  readonly idMissesPerMinute: number;
  readonly hitsPerMinute: number;
};

/** Misses are what harvesting looks like; one big provider asks for many addresses, and hits. */
const DEFAULT_LIMITS: KeyserverLimits = {
  addressMissesPerMinute: 60,
  idMissesPerMinute: 600,
  hitsPerMinute: 60_000,
};

/** To give to `startHttps` beside the application. */
export const keyserverHttp = { methods, headers: openToAll };

/** What a Host field may hold (RFC 9110 §7.2); HTTP/1.0 needs none. */
const HOST = /^[-\w.:[\]]*$/;

type Limits = { readonly address: RateLimit; readonly id: RateLimit; readonly hits: RateLimit };
type Lookup = Extract<Question, { kind: "lookup" }>;

/** The application, for `startHttps({ ...keyserver(deps), ...keyserverHttp })`. `/healthz` is in it. */
export function keyserver(deps: KeyserverDeps): WholeApplication {
  const { view, clock } = deps;
  const limits = makeLimits({ ...DEFAULT_LIMITS, ...deps.limits });
  const questionIn = makeReader(deps);
  const finding = { view, domains: new Set(deps.domains) };
  const networks = new WeakMap<object, string>();
  const answer = (asked: Asked): WholeAnswer | Promise<WholeAnswer> => {
    const question = questionIn(asked);
    if (question.kind === "answered") return question.answer;
    const { socket } = asked;
    let network = networks.get(socket);
    if (network === undefined) {
      network = networkOf(socket.remoteAddress ?? "");
      networks.set(socket, network);
    }
    return lookUp(finding, limits, network, question, clock.now());
  };
  return { answer, together: view.together };
}

function makeLimits(limits: KeyserverLimits): Limits {
  const withBurst = (perMinute: number): RateLimit =>
    makeRateLimit({ perMinute, burst: 2 * perMinute });
  return {
    address: withBurst(limits.addressMissesPerMinute),
    id: withBurst(limits.idMissesPerMinute),
    hits: withBurst(limits.hitsPerMinute),
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

/** A spent budget of misses stops hits too: else the difference would tell which guesses were right. */
function lookUp(
  finding: FindDeps,
  limits: Limits,
  network: string,
  question: Lookup,
  now: Date,
): WholeAnswer | Promise<WholeAnswer> {
  // Every question counts as a miss until it is a hit: a hundred guesses in one packet are a hundred.
  const hit = limits.hits.take(network, now);
  if (hit.kind === "spent") return tooMany(hit.waitMs);
  const miss = (question.search.kind === "id" ? limits.id : limits.address).take(network, now);
  if (miss.kind === "spent") return tooMany(miss.waitMs);
  const tell = (rows: readonly ViewedCertificate[]): WholeAnswer | Promise<WholeAnswer> => {
    const found = question.onlyVersion4 ? rows.filter(({ version }) => version === 4) : rows;
    (found.length === 0 ? hit : miss).giveBack();
    return found.length === 0 ? question.absent : question.tell(found, now);
  };
  const rows = find(finding, question.search, now);
  return rows instanceof Promise ? rows.then(tell) : tell(rows);
}
