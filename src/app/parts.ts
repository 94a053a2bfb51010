/**
 * What the gateway and the command line are put together from: the database, the keys to what is wrapped in it, the
 * look-ups and the crypto pool. Opening them starts nothing: no listener, no timer that keeps a process alive.
 */
import { readFile, stat } from "node:fs/promises";
import { AppError } from "../base/errors.ts";
import { Secret } from "../base/secret.ts";
import { systemClock, type Clock } from "../base/time.ts";
import type { Config } from "../config/load.ts";
import { makeDiscover, type Discover } from "../discovery/discovery.ts";
import { SelfTest } from "../dns/self-test.ts";
import { stubResolver } from "../dns/stub.ts";
import { guardedGet } from "../fetch/guarded.ts";
import { traceIncoming } from "../incoming/tracing.ts";
import type { ReadingDeps } from "../incoming/reading.ts";
import { recordTrace } from "../journal/trace.ts";
import { SERVICE_KEY_BYTES, serviceKeyFor } from "../keys/service-key.ts";
import { activeCertificate, unlockWithService, type VaultDeps } from "../keys/vault.ts";
import type { Direction } from "../store/trace.ts";
import { migrate } from "../store/migrate.ts";
import { openStore, type Store } from "../store/store.ts";
import { startCryptoPool, type Seal } from "./crypto-pool.ts";
import { startEvents, type Events } from "./events.ts";

export type Parts = AsyncDisposable &
  VaultDeps &
  ReadingDeps & {
    readonly config: Config;
    readonly events: Events;
    readonly discover: Discover;
    readonly seal: Seal;
    /** As `findFormer`, asking the author's keyserver: for mail that is opened as it comes in. */
    readonly findFormerOnline: ReadingDeps["findFormer"];
    /** Looks whether the resolver validates; goes on doing so from then on. */
    readonly testResolver: () => Promise<boolean>;
    readonly isResolverTrusted: () => boolean;
    /** Deletes the certificates of others that have been here for seven days. */
    readonly purgeDiscoveries: () => Promise<number>;
    readonly writeTrace: (
      direction: Direction,
    ) => (
      messageId: string,
      step: string,
      detail: Readonly<Record<string, string | number | boolean>>,
    ) => Promise<void>;
  };

/** @throws AppError when the service key cannot be used; Error when the database cannot be opened. */
export async function openParts(config: Config): Promise<Parts> {
  await using opening = new AsyncDisposableStack();
  const clock = systemClock;
  const events = startEvents(config.log.level);
  const serviceKey = opening.use(await readServiceKey(config.secrets.serviceKeyFile));
  const store = opening.use(await openStore(config.database));
  await migrate(store);
  const pool = opening.use(startCryptoPool());
  const vault = { store, clock, serviceKey };
  const lookUps = await openDiscovery(config, { ...vault, events });
  opening.use(lookUps.selfTest);
  const writeTrace = traceWriter({ store, clock, events });
  const parts = opening.move();
  return {
    ...vault,
    config,
    events,
    seal: pool.seal,
    open: pool.open,
    discover: lookUps.discover,
    testResolver: lookUps.testResolver,
    purgeDiscoveries: lookUps.purge,
    isResolverTrusted: () => lookUps.selfTest.isPassing(),
    // Reading and judging ask nobody: what was learnt when the mail came in is there, or it is checked later.
    discoverAuthor: (author) => lookUps.discover(author, { cacheOnly: true }),
    findFormer: (author, fingerprint) =>
      lookUps.findFormer(author, fingerprint, { cacheOnly: true }),
    findFormerOnline: (author, fingerprint) =>
      lookUps.findFormer(author, fingerprint, { isForIncoming: true }),
    unlockWithService: (account) => unlockWithService(vault, account),
    statusKey: statusKey(serviceKey),
    trace: traceIncoming(writeTrace("in")),
    writeTrace,
    [Symbol.asyncDispose]: async () => parts.disposeAsync(),
  };
}

async function readServiceKey(file: string): Promise<Secret> {
  try {
    const { mode } = await stat(file);
    if ((mode & 0o077) !== 0) throw new Error("others may read it; do: chmod 600");
    const bytes = await readFile(file);
    if (bytes.length !== SERVICE_KEY_BYTES) throw new Error("it is not 32 bytes long");
    return new Secret(bytes);
  } catch (cause) {
    throw new AppError(
      `the service key ${file} cannot be used; \`sealpost init\` makes one for a new installation`,
      { temporary: false, cause },
    );
  }
}

function statusKey(serviceKey: Secret): Uint8Array {
  using key = serviceKeyFor(serviceKey, "macs");
  return Uint8Array.from(key.reveal());
}

async function openDiscovery(config: Config, deps: VaultDeps & { readonly events: Events }) {
  const { resolver, discovery } = config;
  const selfTest = new SelfTest({
    host: resolver.host,
    port: resolver.port,
    signedName: resolver.signedName,
    ...(resolver.bogusName === undefined ? {} : { bogusName: resolver.bogusName }),
    onResult: (result) => {
      deps.events.resolverTested({
        isValidating: result.kind === "passed",
        reason: result.kind === "failed" ? result.reason : "",
      });
    },
  });
  const stub = stubResolver({
    host: resolver.host,
    port: resolver.port,
    timeoutMs: resolver.timeoutMs,
    isTrusted: () => selfTest.isPassing(),
  });
  const ca = discovery.caFile === undefined ? undefined : await readFile(discovery.caFile, "utf8");
  const { discover, findFormer, purge } = makeDiscover({
    store: deps.store,
    clock: deps.clock,
    resolver: stub,
    get: guardedGet({
      clock: deps.clock,
      resolver: stub,
      allowNetworks: discovery.allowNetworks,
      ports: discovery.ports,
      ...(ca === undefined ? {} : { ca }),
    }),
    isLocal: (domain) => !discovery.forceNetwork && config.domains.includes(domain),
    local: (address) => activeCertificate(deps, address),
    random: Math.random,
  });
  const first = firstRun(selfTest);
  return {
    selfTest,
    testResolver: first,
    findFormer,
    purge,
    /** The first look-up waits for the first self-test; without the network there is nothing to wait for. */
    discover: (async (address, options) => {
      if (options?.cacheOnly !== true) await first();
      return discover(address, options);
    }) satisfies Discover,
  } as const;
}

function firstRun(selfTest: SelfTest): () => Promise<boolean> {
  let running: Promise<unknown> | undefined;
  return async () => {
    running ??= selfTest.run();
    await running;
    return selfTest.isPassing();
  };
}

/** A trace that cannot be written is logged: it must neither stop nor repeat a message. */
function traceWriter(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly events: Events;
}): Parts["writeTrace"] {
  return (direction) => async (messageId, step, detail) => {
    try {
      const at = deps.clock.now();
      await recordTrace(deps.store, { messageId, at, direction, step, detail });
    } catch (error) {
      deps.events.failed("trace", error);
    }
  };
}
