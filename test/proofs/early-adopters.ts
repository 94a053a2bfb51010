/**
 * Two providers in `opt-in`: of a hundred people whom their users write to, one has a certificate. Each looks up, over real
 * HTTPS, at the other's keyserver with its limits. The hour is that of a fake clock.
 */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { makePki, type Pki } from "../../lab/pki.ts";
import type { Place } from "../../lab/world.ts";
import type { Clock } from "../../src/base/time.ts";
import { MINUTE } from "../../src/base/time.ts";
import { makeDiscover } from "../../src/discovery/discovery.ts";
import type { Discover } from "../../src/discovery/outcome.ts";
import type { Resolver } from "../../src/dns/dns.ts";
import { guardedGet } from "../../src/fetch/guarded.ts";
import type { KeyserverLimits } from "../../src/keyserver/keyserver.ts";
import { migrate } from "../../src/store/engine/migrate.ts";
import { openStore } from "../../src/store/store.ts";
import { addressOf } from "../support/address.ts";
import { fakeClock } from "../support/clock.ts";
import { publishKey, startTestKeyserver } from "../support/test-keyserver.ts";

const MINUTES = 60;
const HOST = "127.0.0.2";
/** One of so many has a certificate. */
const OF = 100;

type Hour = {
  /** Recipients whom each provider looks up in a minute, nobody twice. */
  readonly perMinute: number;
  /** Whether each lists the other under `[keyserver] peers`. */
  readonly isPeer: boolean;
  /** Of the keyservers, where they are not the usual ones. */
  readonly limits?: Partial<KeyserverLimits>;
};

/** Where users of one provider look up people of the other, in the order in which they write to them. */
type Direction = { readonly discover: Discover; readonly people: readonly string[] };

/** @returns how many look-ups ended in which state (docs/use/states.md). */
export async function proveEarlyAdopters(hour: Hour): Promise<ReadonlyMap<string, number>> {
  await using ends = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), "sealpost-early-"));
  ends.defer(async () => rm(dir, { recursive: true, force: true }));
  const [pki, clock] = [await makePki(dir), fakeClock()];
  const directions: Direction[] = [];
  for (const domain of ["alpha.test", "beta.test"]) {
    directions.push(await towards(domain, { hour, pki, clock, ends }));
  }
  const codes = new Map<string, number>();
  for (let minute = 0; minute < MINUTES; minute += 1) {
    const from = minute * hour.perMinute;
    await Promise.all(
      directions.map(async ({ discover, people }) => {
        for (const address of people.slice(from, from + hour.perMinute)) {
          const { code } = await discover(addressOf(address));
          codes.set(code, (codes.get(code) ?? 0) + 1);
        }
      }),
    );
    clock.advance(MINUTE);
  }
  return codes;
}

/** Starts a provider's keyserver, and what another provider asks it with. */
async function towards(
  domain: string,
  o: {
    readonly hour: Hour;
    readonly pki: Pki;
    readonly clock: Clock;
    readonly ends: AsyncDisposableStack;
  },
): Promise<Direction> {
  const { hour, pki, clock, ends } = o;
  const tls = await pki.issue([`keys.${domain}`]);
  const server = await startTestKeyserver(tls, {
    domains: [domain],
    host: HOST,
    clock,
    isPeer: () => hour.isPeer,
    limits: hour.limits ?? {},
  });
  ends.use(server);
  const people = Array.from(
    { length: MINUTES * hour.perMinute },
    (_, at) => `person${String(at)}@${domain}`,
  );
  const known = people.filter((_, at) => at % OF === OF / 2);
  for (const address of known) await publishKey(server.store, address);

  const store = ends.use(await openStore({ engine: "sqlite", path: ":memory:" }));
  await migrate(store);
  const resolver = leadingTo(`keys.${domain}`, server);
  const fetching = { resolver, ca: pki.ca, allowNetworks: ["127.0.0.0/8"], ports: [] };
  const { discover } = makeDiscover({
    store,
    clock,
    resolver,
    get: guardedGet({ ...fetching, clock }),
    isLocal: () => false,
    local: async () => Promise.resolve(undefined),
    random: () => 0,
  });
  return { discover, people };
}

/** A DNS with proofs, in which everybody's keyserver is this one. */
function leadingTo(target: string, { host, port }: Place): Resolver {
  const proven = { kind: "answer", dnssec: "secure", ttlSeconds: 60, ede: [] } as const;
  return {
    srv: async () =>
      Promise.resolve({ ...proven, records: [{ priority: 0, weight: 0, port, target }] }),
    addresses: async () => Promise.resolve({ ...proven, records: [host] }),
  };
}

/** @throws AssertionError when a look-up is uncertain, or somebody who has a certificate is not found. */
export function expectCertain(codes: ReadonlyMap<string, number>, { perMinute }: Hour): void {
  const all = 2 * MINUTES * perMinute;
  assert.deepEqual(Object.fromEntries(codes), { OK: all / OF, NOKEY: all - all / OF });
}
