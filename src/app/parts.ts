/**
 * What the gateway and the command line are put together from: the database, the keys to what is wrapped in it, the
 * look-ups and the crypto pool. Opening them starts nothing: no listener, no timer that keeps a process alive.
 */
import { readFile } from "node:fs/promises";
import { isPostmastersMail } from "../accounts/postmaster.ts";
import { isAddress, isReadersAddress } from "../accounts/reader-addresses.ts";
import { AppError } from "../base/errors.ts";
import { systemClock, type Clock } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { Discover, DiscoveryDeps } from "../discovery/outcome.ts";
import { makeDiscover, type Discoverer } from "../discovery/discovery.ts";
import { openResolver, type OpenResolver } from "../dns/open-resolver.ts";
import type { Resolver } from "../dns/dns.ts";
import { guardedGet } from "../fetch/guarded.ts";
import type { AuthorDeps } from "../incoming/check-signature.ts";
import { traceIncoming, type TraceIncoming } from "../incoming/tracing.ts";
import type { ReadingDeps } from "../incoming/reading.ts";
import { isParked } from "../keys/parked-keys.ts";
import { beginTags, holdAuditKeys } from "../vault/tag-keys.ts";
import {
  activeCertificate,
  unlockWithService,
  type KeyRules,
  type VaultDeps,
} from "../vault/vault.ts";
import { withoutSubaddress, type EmailAddress } from "../mail/address.ts";
import type { Certificate } from "../openpgp/certificates/certificate.ts";
import { hasPublished } from "../store/keys/certificates.ts";
import { publishedFileOf } from "../store/keys/published-file-of.ts";
import { migrate, requireMigrated } from "../store/engine/migrate.ts";
import { openStore, type Store } from "../store/store.ts";
import { type CryptoPool, startCryptoPool, type Seal } from "./crypto-pool.ts";
import { readEscrowCertificate } from "./escrow-file.ts";
import { startEvents, type Events } from "./events.ts";
import { noMeter, type Meter } from "./meter.ts";
import { openingAlone } from "./open-alone.ts";
import { isFormerKeyLost, openServiceKeys } from "./service-key-file.ts";
import { traceWriter, type TraceWriter } from "./trace-writer.ts";

export type Parts = AsyncDisposable &
  VaultDeps &
  ReadingDeps & {
    readonly config: Config;
    /** What new keys are made by. */
    readonly keyRules: KeyRules;
    readonly events: Events;
    readonly discover: Discover;
    readonly seal: Seal;
    /** In threads of their own. */
    readonly messageWork: CryptoPool["messageWork"];
    readonly clientProtection: CryptoPool["clientProtection"];
    readonly encryptAtRest: CryptoPool["encryptAtRest"];
    /** As `askAuthor` and `askAuthorKey`, asking the author's keyserver: for mail that is judged as it comes in. */
    readonly online: AuthorDeps;
    /** Asks about the author of sealed mail that waits, and keeps the answer for when it is opened. */
    readonly lookForAuthor: Discoverer["lookForAuthor"];
    /** Whether the resolver validates, by its last self-test; the first call makes the first one. */
    readonly testResolver: () => Promise<boolean>;
    /** Deletes the certificates of others that have been here for seven days. */
    readonly purgeDiscoveries: () => Promise<number>;
    /** Writes the trace of mail that goes in or out. */
    readonly traces: Pick<TraceWriter, "write" | "writeLater" | "transaction">;
    readonly meter: Meter;
    readonly pool: Pick<CryptoPool, "figures">;
  };

export type PartsOptions = {
  /** A store that is open in this process already, and stays open; else one is opened. */
  readonly shared?: Store | undefined;
  /** The tables are not brought up to date. */
  readonly isReading?: boolean;
  /** Of a process that goes on: it keeps the latest time that it sees. */
  readonly isServing?: boolean;
  readonly meter?: Meter;
  /** Where what happens is logged; else on stdout. */
  readonly events?: Events;
  /** The configuration as it is now, where it may change. */
  readonly current?: () => Config;
};

/**
 * Opens all of them.
 * @throws AppError when the service key cannot be used; Error when the database cannot be opened.
 */
export async function openParts(config: Config, options: PartsOptions = {}): Promise<Parts> {
  const { meter = noMeter, current = () => config } = options;
  const { events = startEvents(config.log.level) } = options;
  await using opening = new AsyncDisposableStack();
  const vault = await openVault(config, options, opening);
  const { store, clock } = vault;
  const pool = opening.use(startCryptoPool());
  const isServing = options.isServing === true;
  // A command that ends has nobody who waits meanwhile, and a thread takes its time to start.
  const certificates = isServing ? { certificateWork: pool.certificateWork } : {};
  const { certificateWorkForUsers: workForUsers } = pool;
  const lookUps = await openDiscovery(config, {
    ...vault,
    ...certificates,
    ...(isServing ? { workForUsers } : {}),
    events,
    isServing,
  });
  opening.use(lookUps);
  const traces = opening.use(traceWriter({ store, clock, events }));
  const keyRules = await readKeyRules(config);
  const parts = opening.move();
  return {
    ...vault,
    get config() {
      return current();
    },
    keyRules,
    events,
    seal: pool.seal,
    open: pool.open,
    messageWork: pool.messageWork,
    ...certificates,
    clientProtection: pool.clientProtection,
    encryptAtRest: pool.encryptAtRest,
    openAlone: openingAlone(),
    stuck: events.openingStuck,
    discover: countedDiscover(lookUps.discover, meter),
    testResolver: lookUps.testResolver,
    purgeDiscoveries: lookUps.purge,
    // Reading and judging ask nobody: what was learnt when the mail came in is there, or it is checked later.
    askAuthor: lookUps.knownAuthor,
    askAuthorKey: lookUps.knownAuthorKey,
    online: {
      ...certificates,
      askAuthor: lookUps.askAuthor,
      askAuthorKey: lookUps.askAuthorKey,
    },
    lookForAuthor: lookUps.lookForAuthor,
    isReader: async (account, addresses, signedAt) =>
      (await isReadersAddress(store, account, addresses, signedAt)) ||
      (await isPostmastersMail(store, config, account, addresses)),
    unlockWithService: (account) => unlockWithService(vault, account),
    isParked: (account, keyIds) => isParked(vault, account, keyIds),
    statusKey: statusKey(vault),
    trace: countedTrace(traceIncoming(traces.write("in")), meter),
    meter,
    pool,
    traces,
    [Symbol.asyncDispose]: async () => parts.disposeAsync(),
  };
}

/** The database with the keys that open what it holds; brought up to date, unless it is only read. */
async function openVault(
  config: Config,
  { shared, isReading = false }: PartsOptions,
  opening: AsyncDisposableStack,
): Promise<VaultDeps> {
  const clock = systemClock;
  const serviceKeys = opening.use(openServiceKeys(config.secrets.serviceKeyFile));
  const store = shared ?? opening.use(await openStore(config.database));
  await (isReading ? requireMigrated(store) : migrate(store));
  holdAuditKeys(store, serviceKeys, isFormerKeyLost(config.secrets.serviceKeyFile));
  store.auditClock = clock;
  const vault = { store, clock, serviceKeys, releaseLimits: config.revocations };
  if (isReading) return vault;
  await beginTags(store, clock.now());
  await keepPublished(store, config.publishedFile);
  return vault;
}

function countedDiscover(discover: Discover, meter: Meter): Discover {
  return async (address, ...rest) => {
    const discovery = await discover(address, ...rest);
    meter.lookedUp(discovery.code);
    return discovery;
  };
}

/** The trace of mail that comes in, with each verdict counted. */
function countedTrace(trace: TraceIncoming, meter: Meter): TraceIncoming {
  return {
    delivered: async (o) => {
      await trace.delivered(o);
      const { state, signature } = o.message.verdict;
      if (o.message.form === "wrapped") meter.judged(state, signature);
    },
    opened: async (o) => {
      await trace.opened(o);
      meter.judged(o.verdict.state, o.verdict.signature);
      if (o.message.form !== "wrapped") meter.opened(o.verdict.state);
    },
  };
}

/**
 * From now on what is published is appended to that file, which begins with what is published already: not before
 * something is, and not while publication is held.
 */
async function keepPublished(store: Store, file: string): Promise<void> {
  store.publishedFile = file;
  await store.transaction(async (tx) => {
    if (await hasPublished(tx)) await publishedFileOf(tx);
  });
}

/** @throws AppError when the escrow certificate cannot be used: keys must not be made without it. */
async function readKeyRules({ keys, escrow }: Config): Promise<KeyRules> {
  const { profile } = keys;
  if (escrow.certificateFile === undefined) return { profile };
  return { profile, escrow: await readEscrowCertificate(escrow.certificateFile) };
}

/** Results are marked for other programs of the provider's; our own read the database. */
function statusKey({ serviceKeys }: VaultDeps): Uint8Array {
  using key = serviceKeys.current.for("macs");
  return Uint8Array.from(key.reveal());
}

/** As our keyserver answers: a subaddress that is nobody's own address has the certificate of its address. */
async function localCertificate(
  deps: VaultDeps,
  address: EmailAddress,
): Promise<Certificate | undefined> {
  const isOwn = await isAddress(deps.store, address);
  return activeCertificate(deps, isOwn ? address : withoutSubaddress(address));
}

type LookUps = Disposable & Discoverer & { readonly testResolver: () => Promise<boolean> };

async function openDiscovery(
  config: Config,
  deps: VaultDeps &
    Pick<AuthorDeps, "certificateWork"> &
    Pick<DiscoveryDeps, "workForUsers"> & { readonly events: Events; readonly isServing: boolean },
): Promise<LookUps> {
  const { discovery } = config;
  const lazy = lazyResolver(config, deps);
  const { resolver } = lazy;
  const ca = discovery.caFile === undefined ? undefined : await readFile(discovery.caFile, "utf8");
  const discoverer = makeDiscover({
    store: deps.store,
    clock: deps.clock,
    resolver,
    get: guardedGet({
      clock: deps.clock,
      resolver,
      allowNetworks: discovery.allowNetworks,
      ports: discovery.ports,
      ...(ca === undefined ? {} : { ca }),
    }),
    isLocal: (domain) => !discovery.forceNetwork && config.domains.includes(domain),
    local: (address) => localCertificate(deps, address),
    random: Math.random,
    isServing: deps.isServing,
    ...(deps.certificateWork === undefined ? {} : { work: deps.certificateWork }),
    ...(deps.workForUsers === undefined ? {} : { workForUsers: deps.workForUsers }),
    onRollback: (fingerprint, domain) => {
      const what = `${domain} serves the revoked key ${fingerprint} without its revocation`;
      deps.events.failed("discovery", new AppError(what, { temporary: false }));
    },
  });
  const { testResolver } = lazy;
  return { ...discoverer, testResolver, [Symbol.dispose]: lazy[Symbol.dispose] };
}

type LazyResolver = Disposable & {
  readonly resolver: Resolver;
  /** Whether the resolver validates; tested now, if it was not yet. */
  readonly testResolver: () => Promise<boolean>;
};

/** Opened, and so tested, by the first question: most commands ask none. */
function lazyResolver(
  { resolver }: Config,
  deps: { readonly clock: Clock; readonly events: Events },
): LazyResolver {
  let opening: Promise<OpenResolver> | undefined;
  const open = async (): Promise<OpenResolver> =>
    (opening ??= openResolver({
      host: resolver.host,
      port: resolver.port,
      timeoutMs: resolver.timeoutMs,
      signedName: resolver.signedName,
      ...(resolver.bogusName === undefined ? {} : { bogusName: resolver.bogusName }),
      clock: deps.clock,
      onResult: (result) => {
        const reason = result.kind === "failed" ? result.reason : "";
        deps.events.resolverTested({ isValidating: result.kind === "passed", reason });
      },
    }));
  return {
    resolver: {
      srv: async (name, signal) => (await open()).srv(name, signal),
      addresses: async (name, signal) => (await open()).addresses(name, signal),
    },
    testResolver: async () => (await open()).selfTest().kind === "passed",
    [Symbol.dispose]: () => {
      void opening?.then((opened) => {
        opened[Symbol.dispose]();
      });
    },
  };
}
