/**
 * What the world may read: HKP v1, by address the active certificate only, by fingerprint or key ID any. It opens the
 * database read-only and never imports `keys/`. `query.ts` reads a question, `find.ts` finds, `hkp.ts` writes the answer.
 */
import { Hono, type Context } from "hono";

import { networkOf } from "../base/network.ts";
import { SECOND, type Clock } from "../base/time.ts";
import { makeRateLimit, type RateLimit } from "../http/rate-limit.ts";
import type { Bindings } from "../http/server.ts";
import type { Domain } from "../mail/address.ts";
import type { PublishedCertificate } from "../store/certificates.ts";
import type { Store } from "../store/store.ts";
import { find } from "./find.ts";
import { armored, htmlIndex, machineReadableIndex, readEntries } from "./hkp.ts";
import { parseQuery, type Query } from "./query.ts";

export type KeyserverDeps = {
  /** Read-only is enough. */
  readonly store: Store;
  readonly domains: readonly Domain[];
  readonly clock: Clock;
  readonly limits?: Partial<KeyserverLimits>;
  /** Told of what was thrown and answered as trouble; for the log. */
  readonly failed?: (error: unknown) => void;
};

/** Look-ups a minute for each client network (/24 or /48); twice that in a burst. */
export type KeyserverLimits = {
  readonly addressMissesPerMinute: number;
  readonly idMissesPerMinute: number;
  readonly hitsPerMinute: number;
};

/** Misses are what harvesting looks like; one big provider asks for many addresses and hits. */
const DEFAULT_LIMITS: KeyserverLimits = {
  addressMissesPerMinute: 60,
  idMissesPerMinute: 600,
  hitsPerMinute: 6000,
};

/** The methods to give to `startHttps` beside the application. */
export const keyserverMethods = ["GET", "HEAD", "OPTIONS"] as const;

export type KeyserverFetch = (request: Request, bindings: Bindings) => Promise<Response>;

type Env = { Bindings: Bindings };
type Limits = { readonly address: RateLimit; readonly id: RateLimit; readonly hits: RateLimit };
type Lookup = Extract<Query, { kind: "lookup" }>;

/** The application, for `startHttps({ fetch, methods: keyserverMethods })`. `/healthz` is in it. */
export function keyserver(deps: KeyserverDeps): KeyserverFetch {
  const limits = makeLimits({ ...DEFAULT_LIMITS, ...deps.limits });
  const app = new Hono<Env>();
  app.get("/pks/lookup", async (c) => lookup(deps, limits, c));
  app.get("/healthz", (c) => answer(c, 200, "no-store", "ok\n"));
  app.options("*", (c) => {
    c.header("Allow", keyserverMethods.join(", "));
    c.header("Access-Control-Allow-Methods", keyserverMethods.join(", "));
    return answer(c, 200, "no-store", "");
  });
  app.notFound((c) => notFound(c));
  app.onError((error, c) => {
    deps.failed?.(error);
    // Temporary trouble must never read as "no key".
    return answer(c, 503, "no-store", "temporary trouble here; try again later\n");
  });
  return async (request, bindings) => app.fetch(request, bindings);
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

async function lookup(deps: KeyserverDeps, limits: Limits, c: Context<Env>): Promise<Response> {
  // The request line as it came: what the URL parser would mend (dot segments, backslashes) is not our path.
  const raw = c.env.incoming.url ?? "";
  const mark = raw.indexOf("?");
  if ((mark < 0 ? raw : raw.slice(0, mark)) !== "/pks/lookup") return notFound(c);
  const query = parseQuery(mark < 0 ? "" : raw.slice(mark + 1));
  switch (query.kind) {
    case "malformed":
      return answer(c, 400, "no-store", "bad request\n");
    case "not-implemented":
      return answer(c, 501, "no-store", "not implemented\n");
    case "lookup":
      return limited(deps, limits, c, query);
  }
}

/** A spent budget of misses stops hits too: else the difference would tell which guesses were right. */
async function limited(
  deps: KeyserverDeps,
  limits: Limits,
  c: Context<Env>,
  query: Lookup,
): Promise<Response> {
  const network = networkOf(c.env.incoming.socket.remoteAddress ?? "");
  const misses = query.search.kind === "id" ? limits.id : limits.address;
  const waitMs = await limits.hits.waitMs(network);
  if (waitMs !== undefined) return tooMany(c, waitMs);
  // Every question counts as a miss until it is a hit: a hundred guesses in one packet are a hundred.
  const taken = await misses.take(network);
  if (taken.kind === "spent") return tooMany(c, taken.waitMs);
  const found = await find(deps, query.search);
  if (found.length === 0) return notFound(c);
  await Promise.all([taken.giveBack(), limits.hits.count(network)]);
  return foundAnswer(deps, c, query, found);
}

function tooMany(c: Context<Env>, waitMs: number): Response {
  c.header("Retry-After", String(Math.ceil(waitMs / SECOND)));
  return answer(c, 429, "no-store", "too many requests\n");
}

async function foundAnswer(
  deps: KeyserverDeps,
  c: Context<Env>,
  query: Lookup,
  found: readonly PublishedCertificate[],
): Promise<Response> {
  const cache = `public, max-age=${query.search.kind === "id" ? "3600" : "300"}`;
  if (query.operation === "get") {
    const name = found[0]?.fingerprint ?? "";
    c.header("Content-Disposition", `attachment; filename="${name}.asc"`);
    return answer(c, 200, cache, armored(found), "application/pgp-keys");
  }
  const entries = await readEntries(found);
  const now = deps.clock.now();
  return query.isMachineReadable
    ? answer(c, 200, cache, machineReadableIndex(entries, now))
    : answer(c, 200, cache, htmlIndex(entries, now), "text/html; charset=utf-8");
}

function notFound(c: Context<Env>): Response {
  return answer(c, 404, "public, max-age=60", "not found\n");
}

function answer(
  c: Context<Env>,
  status: 200 | 400 | 404 | 429 | 501 | 503,
  cache: string,
  body: string,
  type = "text/plain; charset=utf-8",
): Response {
  c.header("Access-Control-Allow-Origin", "*");
  c.header("Cross-Origin-Resource-Policy", "cross-origin");
  c.header("Cache-Control", cache);
  c.header("Content-Type", type);
  return c.body(body, status);
}
