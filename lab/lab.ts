/**
 * Mail providers in a box, on loopback and in one folder: a signed DNS tree with a validating resolver, a certification
 * authority, and providers. alpha.test, beta.test and gamma.test (whose keys are version 6) run Sealpost. legacy.test
 * knows nothing of encryption, and the user of gnupg.test has GnuPG. The demo, the tests and the benchmarks run in it.
 */
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import type { StoreOptions } from "../src/store/store.ts";
import { startPostgres } from "./postgres.ts";
import { type LabDns, startDns } from "./dns.ts";
import { type GnupgNeighbour, startGnupgNeighbour } from "./gnupg-neighbour.ts";
import { makePki, type Pki } from "./pki.ts";
import { GNUPG_DOMAIN, GNUPG_HOST, makePlan, type Plan, PROVIDERS } from "./plan.ts";
import { Provider } from "./provider.ts";
import { type Recorder, startRecorder } from "./recorder.ts";
import { startSink } from "./sink.ts";
import { together } from "./together.ts";
import { type Place, type SinkWorld, type World, writeWorld } from "./world.ts";
import type { LabZone } from "./zone.ts";
import { buildZones } from "./zones.ts";

export type LabOptions = {
  /** Made when missing. Accounts, keys and mail of an earlier lab there are used again. */
  readonly dir: string;
  readonly engine: "sqlite" | "postgres";
  /** What is sent to a provider's MX goes through a recorder; the story looks at the bytes. */
  readonly isRecorded?: boolean;
  /** Zones of neighbours that somebody else plays, and the ports of their keyservers. */
  readonly neighbours?: { readonly zones: readonly LabZone[]; readonly ports: readonly number[] };
  readonly signal?: AbortSignal;
};

export type Lab = AsyncDisposable & {
  readonly world: World;
  readonly worldFile: string;
  readonly pki: Pki;
  readonly gnupg: GnupgNeighbour;
  /** By domain. */
  readonly providers: ReadonlyMap<string, Provider>;
  /** By the domain whose MX they stand before; none without `isRecorded`. */
  readonly recorders: ReadonlyMap<string, Recorder>;
  /** Signs a broken zone correctly, and waits until the resolver believes it. */
  readonly mend: (zone: string) => Promise<void>;
};

const LEGACY_HOST = "127.0.0.4";

/** `bogus.test` also takes what is for no domain of this lab. Nothing may ever arrive there. */
const SINKS = { "legacy.test": LEGACY_HOST, "bogus.test": "127.0.0.5" } as const;

/** Starts everything and waits until it answers. When something does not start, nothing is left running. */
export async function startLab(options: LabOptions): Promise<Lab> {
  await mkdir(options.dir, { recursive: true });
  await using started = new AsyncDisposableStack();
  const pki = await makePki(join(options.dir, "pki"));
  const plan = await makePlan(started);
  const [dns, gnupg, databases, sinks, recorders] = await together([
    startLabDns(options, plan, started),
    startGnupg(options, plan, pki, started),
    openDatabases(options, started),
    startSinks(options, started),
    startRecorders(options, plan, started),
  ]);
  const mxHops = plan.providers.flatMap(({ domain, alsoServes = [], places }) => {
    const mx = recorders.get(domain)?.place ?? places.mx;
    return [domain, ...alsoServes].map((served) => [served, mx] as const);
  });
  const sinkHops = Object.entries(sinks).map(([domain, sink]) => [domain, sink.smtp] as const);
  const hops = new Map([...mxHops, ...sinkHops, [GNUPG_DOMAIN, placeOf(gnupg.sink)]]);
  const providers = await startProviders({ options, plan, pki, dns, databases, hops }, started);
  const world: World = {
    ca: pki.caFile,
    resolver: dns.resolver,
    providers: Object.fromEntries([...providers].map(([domain, one]) => [domain, one.world])),
    sinks: { ...sinks, [GNUPG_DOMAIN]: { smtp: placeOf(gnupg.sink), dir: gnupg.sink.dir } },
    gnupg: { keyserver: plan.gnupgKeyserver, users: [gnupg.user] },
  };
  const worldFile = await writeWorld(options.dir, world);
  const resources = started.move();
  return {
    world,
    worldFile,
    pki,
    gnupg,
    providers,
    recorders,
    mend: dns.mend,
    [Symbol.asyncDispose]: async () => resources.disposeAsync(),
  };
}

async function startLabDns(
  options: LabOptions,
  plan: Plan,
  started: AsyncDisposableStack,
): Promise<LabDns> {
  const providers = plan.providers.map(({ domain, host, places }) => ({
    domain,
    address: host,
    keyserverPort: places.keyserver.port,
    submissionPort: places.submission.port,
  }));
  const gnupg = {
    domain: GNUPG_DOMAIN,
    address: GNUPG_HOST,
    keyserverPort: plan.gnupgKeyserver.port,
  };
  const zones = await buildZones({
    dir: join(options.dir, "dns"),
    providers: [...providers, gnupg],
    legacyAddress: LEGACY_HOST,
    extra: [...plan.providers.flatMap(mendableZones), ...(options.neighbours?.zones ?? [])],
  });
  return started.use(await startDns({ zones }));
}

/** The domains that a provider serves beside its own. Each zone is altered after signing, until the lab mends it. */
function mendableZones({
  domain,
  alsoServes = [],
  places,
}: Plan["providers"][number]): readonly LabZone[] {
  const records = [
    `@ IN MX 10 mail.${domain}.`,
    `_hkp._tcp IN SRV 0 0 ${places.keyserver.port} keys.${domain}.`,
  ];
  return alsoServes.map((name) => ({ name, signing: "tampered", records }));
}

async function startGnupg(
  options: LabOptions,
  plan: Plan,
  pki: Pki,
  started: AsyncDisposableStack,
): Promise<GnupgNeighbour> {
  const keyservers = [plan.gnupgKeyserver, ...plan.providers.map((p) => p.places.keyserver)];
  return started.use(
    await startGnupgNeighbour({
      dir: join(options.dir, GNUPG_DOMAIN),
      host: GNUPG_HOST,
      keyserverPort: plan.gnupgKeyserver.port,
      pki,
      hosts: Object.fromEntries(keyservers.map((one) => [one.host, one.address])),
    }),
  );
}

type Databases = (domain: string) => StoreOptions;

async function openDatabases(
  { dir, engine }: LabOptions,
  started: AsyncDisposableStack,
): Promise<Databases> {
  if (engine === "sqlite") {
    return (domain) => ({ engine, path: join(dir, domain, "sealpost.db") });
  }
  const server = started.use(await startPostgres());
  const urls = await Promise.all(
    PROVIDERS.map(async ({ domain }) => [domain, await server.newDatabase()] as const),
  );
  const byDomain = new Map(urls);
  return (domain) => ({ engine, url: byDomain.get(domain) ?? "" });
}

async function startSinks(
  { dir }: LabOptions,
  started: AsyncDisposableStack,
): Promise<Readonly<Record<keyof typeof SINKS, SinkWorld>>> {
  const start = async (domain: keyof typeof SINKS): Promise<SinkWorld> => {
    const sink = await startSink({ host: SINKS[domain], dir: join(dir, domain) });
    started.use(sink);
    return { smtp: placeOf(sink), dir: sink.dir };
  };
  const [legacy, bogus] = await together([start("legacy.test"), start("bogus.test")]);
  return { "legacy.test": legacy, "bogus.test": bogus };
}

async function startRecorders(
  options: LabOptions,
  plan: Plan,
  started: AsyncDisposableStack,
): Promise<ReadonlyMap<string, Recorder>> {
  if (options.isRecorded !== true) return new Map();
  const recorders = plan.providers.map(async ({ domain, host, places }) => {
    return [domain, started.use(await startRecorder(host, places.mx))] as const;
  });
  return new Map(await together(recorders));
}

type Ground = {
  readonly options: LabOptions;
  readonly plan: Plan;
  readonly pki: Pki;
  readonly dns: LabDns;
  readonly databases: Databases;
  readonly hops: ReadonlyMap<string, Place>;
};

async function startProviders(
  ground: Ground,
  started: AsyncDisposableStack,
): Promise<ReadonlyMap<string, Provider>> {
  const { options, plan, pki, hops } = ground;
  const keyservers = [plan.gnupgKeyserver, ...plan.providers.map((p) => p.places.keyserver)];
  const providers = plan.providers.map(async (planned) => {
    const { domain, alsoServes = [], places, accounts, profile } = planned;
    const provider = new Provider({
      domain,
      alsoServes,
      dir: join(options.dir, domain),
      places,
      accounts,
      profile: profile ?? "compat",
      database: ground.databases(domain),
      certificate: await pki.issue([
        places.keyserver.host,
        `mail.${domain}`,
        `openpgpkey.${domain}`,
      ]),
      caFile: pki.caFile,
      resolver: ground.dns.resolver,
      hops,
      keyserverPorts: [...keyservers.map(({ port }) => port), ...(options.neighbours?.ports ?? [])],
      signal: options.signal,
    });
    started.use(provider);
    await provider.start();
    return [domain, provider] as const;
  });
  return new Map(await together(providers));
}

function placeOf({ host, port }: Place): Place {
  return { host, port };
}
