/** The gateway role: mail out (submission) and mail in (MX, LMTP), over one vault. */
import type { Config } from "../config/config.ts";
import { traceIncoming } from "../incoming/tracing.ts";
import type { LoginCache } from "../login/login-cache.ts";
import type { Listener } from "../smtp/listener/listener.ts";
import { IdleSessions } from "../smtp/relay/idle-sessions.ts";
import { ServiceOpenedKeys } from "../vault/service-opened-keys.ts";
import { troubleOfClock } from "./clock-watch.ts";
import { countedDiscover, countedIncoming } from "./counted.ts";
import { guardDatabase, type DatabaseGuard } from "./database-guard.ts";
import { deferralTask } from "./deferral.ts";
import { openEventLog, type Events } from "./events.ts";
import { startGatewayListeners, type Place } from "./gateway-listeners.ts";
import { gatewayTasks } from "./gateway-tasks.ts";
import { reloadAtHangup } from "./hangup.ts";
import { startHealth, type Health } from "./health.ts";
import { reuseOf } from "./hops.ts";
import { deliveryHandlers, type DeliveryHandlers } from "./incoming.ts";
import { listeningFor } from "./listening.ts";
import { LiveConfig } from "./live-config.ts";
import type { Meter } from "./meter.ts";
import { openMetrics, type Metrics } from "./metrics.ts";
import { NextHops } from "./next-hop.ts";
import type { OfProcess } from "./of-process.ts";
import { openCrypto, type Crypto } from "./open-crypto.ts";
import { openLoginCache } from "./open-login-cache.ts";
import { openLookUps, type LookUps } from "./open-look-ups.ts";
import { mailboxesOf } from "./open-mailbox.ts";
import { readingDeps } from "./open-reading.ts";
import { openVault, type Vault } from "./open-vault.ts";
import { outboundRelay, type OutboundRelay } from "./outgoing.ts";
import { startSchedule } from "./schedule.ts";
import { sayReady, untilStopped } from "./stopping.ts";
import { submissionHandlers } from "./submission.ts";
import { TlsFiles } from "./tls-files.ts";
import { traceWriter, type TraceWriter } from "./trace-writer.ts";
import { Transactions } from "./transactions.ts";

/**
 * Serves until SIGTERM, then lets running transactions end.
 * @throws AppError when a part cannot be opened or an address is taken.
 */
export async function runGateway(
  config: Config,
  { store: shared, tlsNews }: OfProcess = {},
): Promise<void> {
  const log = openEventLog(config.log);
  const { events } = log;
  const live = new LiveConfig(config);
  const tls = await TlsFiles.open({ place: () => live.current.tls, events, news: tlsNews });
  const current = (): Config => live.current;
  const metrics = openMetrics();
  const { meter } = metrics;
  await using vault = await openVault(config, { shared });
  const { store, clock, serviceKeys } = vault;
  await using crypto = openCrypto({ isServing: true });
  using lookUps = await openLookUps(config, { vault, crypto, events, isServing: true });
  await using traces = traceWriter({ store, clock, events });
  const hops = new NextHops({ relay: () => live.current.relay, events });
  const guard = guardDatabase({ store, blobs: vault.blobs, events });
  await using serving = new AsyncDisposableStack();
  const idle = serving.use(new IdleSessions(() => reuseOf(live.current.relay)));
  const relaying = { store, clock, serviceKeys, current, events, traces, meter, hops, idle };
  const out = serving.use(outboundRelay(relaying));
  const clientAddress = () => live.current.log.clientAddress;
  const transactions = new Transactions({ clientAddress, events, traces, meter });
  const around = { config, current, vault, crypto, lookUps, events, traces, meter, transactions };
  // Wiped after the last opening has ended.
  const serviceOpenedKeys = serving.use(new ServiceOpenedKeys(vault));
  const incoming = serving.use(openDelivery({ ...around, serviceOpenedKeys }));
  const loginCache = serving.use(openLoginCache(vault, current));
  const submission = openSubmission({ ...around, out, incoming, loginCache });
  const deferral = serving.use(submission.deferral);
  const purgeDiscoveries = lookUps.discoverer.purge;
  const about = { vault, current, events, out, deferral, incoming, guard, tls, hops, loginCache };
  const tasks = gatewayTasks(about);
  serving.use(startSchedule({ store, clock, events, purgeDiscoveries }, tasks));
  incoming.resume();
  const checks = { holdsServiceKey: true };
  serving.use(reloadAtHangup({ role: "gateway", live, log, tls, checks }));

  const handlers = { outgoing: submission.handlers, incoming: incoming.handlers };
  const listening = { config, events, tls, transactions, handlers };
  const listeners = await startGatewayListeners(listening, serving);
  const { testResolver } = lookUps;
  await testResolver();
  const all: Record<string, Place> = Object.fromEntries(listeners);
  const { metrics: place } = config.listen;
  if (place !== undefined) {
    const watched = { vault, crypto, testResolver, tls, guard, hops, metrics, listeners };
    all["metrics"] = serving.use(await startWatching(place, watched));
  }
  await serve(events, all);
}

/** Says that all places listen, and waits for the end. */
async function serve(events: Events, all: Readonly<Record<string, Place>>): Promise<void> {
  const places = placeNames(all);
  events.ready("gateway", places);
  sayReady("gateway", places);
  await untilStopped();
  events.stopping("gateway");
}

function placeNames(places: Readonly<Record<string, Place>>): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(places).map(([name, { host, port }]) => [name, `${host}:${String(port)}`]),
  );
}

/** What mail in both directions works with. */
type Around = {
  readonly config: Config;
  readonly current: () => Config;
  readonly vault: Vault;
  readonly crypto: Crypto;
  readonly lookUps: LookUps;
  readonly events: Events;
  readonly traces: TraceWriter;
  readonly meter: Meter;
  readonly transactions: Transactions;
};

/** Mail that users submit, and what of it waits for its recipients' keys. */
function openSubmission(
  parts: Around & {
    readonly out: OutboundRelay;
    readonly incoming: Pick<DeliveryHandlers, "drain">;
    readonly loginCache: LoginCache;
  },
) {
  const { current, vault, crypto, events, transactions, out, incoming, loginCache } = parts;
  const { store, clock, keyRules, blobs } = vault;
  const { pool } = crypto;
  const discover = countedDiscover(parts.lookUps.discoverer.discover, parts.meter);
  const mailboxOf = mailboxesOf({ store, clock, pool, blobs, events });
  return {
    deferral: deferralTask({ store, clock, current, discover, pool, out, mailboxOf }),
    handlers: submissionHandlers({
      vault,
      keyRules,
      current,
      events,
      discover,
      pool,
      out,
      drain: incoming.drain,
      mailboxOf,
      transactions,
      loginCache,
    }),
  };
}

/** Mail that comes in, and its opening. */
function openDelivery(
  parts: Around & { readonly serviceOpenedKeys: ServiceOpenedKeys },
): DeliveryHandlers {
  const { config, current, vault, crypto, events, transactions, serviceOpenedKeys } = parts;
  const { discoverer } = parts.lookUps;
  const { store, clock } = vault;
  const { certificateWork, pool } = crypto;
  const trace = countedIncoming(traceIncoming(parts.traces.write("in")), parts.meter);
  const reading = readingDeps({
    config,
    vault,
    blobs: vault.blobs,
    crypto,
    discoverer,
    events,
    trace,
  });
  return deliveryHandlers({
    store,
    clock,
    config,
    limits: () => current().limits,
    pool,
    opening: {
      pending: reading,
      unlockWithService: async (account) => serviceOpenedKeys.open(account),
      lookForAuthor: discoverer.lookForAuthor,
      events,
    },
    // Mail that is judged as it comes in has its author's keyserver asked.
    online: {
      certificateWork,
      askAuthor: discoverer.askAuthor,
      askAuthorKey: discoverer.askAuthorKey,
    },
    transactions,
  });
}

/** The private listener: health and figures. */
async function startWatching(
  place: Place,
  watched: {
    readonly vault: Vault;
    readonly crypto: Crypto;
    readonly testResolver: LookUps["testResolver"];
    readonly tls: TlsFiles;
    readonly guard: DatabaseGuard;
    readonly hops: NextHops;
    readonly metrics: Metrics;
    readonly listeners: ReadonlyMap<string, Listener>;
  },
): Promise<Health> {
  const { vault, crypto, testResolver, tls, guard, hops, metrics, listeners } = watched;
  const { store, clock } = vault;
  metrics.watch({
    store,
    clock,
    pool: crypto.pool,
    testResolver,
    hops: async () => hops.look(),
    isDatabaseGood: async () => (await guard.look()).kind === "good",
    certificateEnds: () => tls.validUntil,
    connections: () =>
      Object.fromEntries([...listeners.values()].map((one) => [one.mode, one.connections()])),
  });
  const health = startHealth(place, {
    testResolver,
    guard,
    hops,
    metrics: metrics.page,
    clockTrouble: async () => troubleOfClock({ store, clock }),
  });
  return listeningFor("metrics", place, health);
}
