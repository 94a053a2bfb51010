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
import { reservePorts } from "./ports.ts";
import { Provider, type ProviderPlaces } from "./provider.ts";
import { type Recorder, startRecorder } from "./recorder.ts";
import { startSink } from "./sink.ts";
import { together } from "./together.ts";
import {
  type Account,
  type NamedPlace,
  type Place,
  type SinkWorld,
  type World,
  writeWorld,
} from "./world.ts";
import { buildZones, type LabZone } from "./zones.ts";

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
};

const GNUPG_DOMAIN = "gnupg.test";
const GNUPG_HOST = "127.0.0.11";
const LEGACY_HOST = "127.0.0.4";

/** `bogus.test` also takes what is for no domain of this lab. Nothing may ever arrive there. */
const SINKS = { "legacy.test": LEGACY_HOST, "bogus.test": "127.0.0.5" } as const;

type LabProviderPlan = {
  readonly domain: string;
  readonly host: string;
  readonly profile?: "modern";
  readonly accounts: readonly Account[];
};

const PROVIDERS: readonly LabProviderPlan[] = [
  {
    domain: "alpha.test",
    host: "127.0.0.2",
    accounts: [
      account("alice@alpha.test", "unlocks-at-login"),
      account("andy@alpha.test", "provider-usable"),
      { ...account("rosa@alpha.test", "unlocks-at-login"), policy: "require" },
    ],
  },
  {
    domain: "beta.test",
    host: "127.0.0.3",
    accounts: [
      account("bob@beta.test", "provider-usable"),
      account("bea@beta.test", "provider-usable"),
      account("ben@beta.test", "unlocks-at-login"),
    ],
  },
  {
    domain: "gamma.test",
    host: "127.0.0.12",
    profile: "modern",
    accounts: [account("gita@gamma.test", "provider-usable")],
  },
];

/** Passwords that a person can type: nothing from outside this machine reaches the lab. */
function account(address: string, custody: Account["custody"]): Account {
  return { address, password: `${address.split("@")[0]}-lab-password`, custody };
}

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
  const mxHops = plan.providers.map(({ domain, places }) => {
    return [domain, recorders.get(domain)?.place ?? places.mx] as const;
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
    [Symbol.asyncDispose]: async () => resources.disposeAsync(),
  };
}

/** Every port is chosen before the zones, which name them, are signed. */
type Plan = {
  readonly providers: readonly (LabProviderPlan & { readonly places: ProviderPlaces })[];
  readonly gnupgKeyserver: NamedPlace;
};

async function makePlan(started: AsyncDisposableStack): Promise<Plan> {
  const perProvider = 6;
  const hosts = PROVIDERS.flatMap(({ host }) => Array.from({ length: perProvider }, () => host));
  const reserved = started.use(await reservePorts([GNUPG_HOST, ...hosts]));
  const ports = [...reserved.ports];
  const gnupgPort = ports.shift() ?? 0;
  const providers = PROVIDERS.map((provider) => {
    const { host, domain } = provider;
    const next = (): Place => ({ host, port: ports.shift() ?? 0 });
    const keyserver = { host: `keys.${domain}`, address: host, port: next().port };
    return {
      ...provider,
      places: {
        submission: next(),
        submissionStartTls: next(),
        mx: next(),
        lmtp: next(),
        keyserver,
        metrics: next(),
      },
    };
  });
  const gnupgKeyserver = { host: `keys.${GNUPG_DOMAIN}`, address: GNUPG_HOST, port: gnupgPort };
  return { providers, gnupgKeyserver };
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
    extra: options.neighbours?.zones ?? [],
  });
  return started.use(await startDns({ zones }));
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
  const providers = plan.providers.map(async ({ domain, places, accounts, profile }) => {
    const provider = new Provider({
      domain,
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
