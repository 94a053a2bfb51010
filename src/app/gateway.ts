/** The gateway role: mail out (submission) and mail in (MX, LMTP), over one set of parts. */
import { inNetworks } from "../base/network.ts";
import { DAY } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import { auditHead } from "../journal/journal.ts";
import type { Handlers, ListenerMode } from "../smtp/listener/handlers.ts";
import { startListener, type Listener } from "../smtp/listener/listener.ts";
import type { Sender } from "../outgoing/outgoing.ts";
import { openEventLog } from "./events.ts";
import { guardDatabase, type DatabaseGuard } from "./database-guard.ts";
import { reloadAtHangup } from "./hangup.ts";
import { startHealth, type Health } from "./health.ts";
import { wayIn } from "./incoming.ts";
import { listeningFor } from "./listening.ts";
import { LiveConfig } from "./live-config.ts";
import type { OfProcess } from "./of-process.ts";
import { openMetrics, type Metrics } from "./metrics.ts";
import { NextHops } from "./next-hop.ts";
import { keyTasks } from "./key-tasks.ts";
import { outgoingHandlers, wayOut } from "./outgoing.ts";
import { openParts, type Parts } from "./parts.ts";
import { watchReleases } from "./release-watch.ts";
import { serviceKeyUse } from "./service-key-use.ts";
import { startSchedule, type Task } from "./schedule.ts";
import { sayReady, untilStopped } from "./stopping.ts";
import { troubleOfClock, watchClock } from "./clock-watch.ts";
import { TlsFiles } from "./tls-files.ts";
import { Transactions } from "./transactions.ts";

/**
 * Serves until SIGTERM, then lets running transactions end.
 * @throws AppError when a part cannot be opened or an address is taken.
 */
export async function runGateway(
  config: Config,
  { store, tlsNews }: OfProcess = {},
): Promise<void> {
  const log = openEventLog(config.log);
  const { events } = log;
  const live = new LiveConfig(config);
  const tls = await TlsFiles.open({ place: () => live.current.tls, events, news: tlsNews });
  const current = (): Config => live.current;
  const metrics = openMetrics();
  const { meter } = metrics;
  const shared = { shared: store, isServing: true, events, current, meter };
  await using parts = await openParts(config, shared);
  const hops = new NextHops({ relay: () => live.current.relay, events });
  const guard = guardDatabase(parts);
  await using serving = new AsyncDisposableStack();
  const out = wayOut(parts, hops);
  const transactions = new Transactions(parts);
  const incoming = serving.use(wayIn(parts, transactions));
  const outgoing = outgoingHandlers(parts, out, incoming.drain, transactions);
  serving.use(
    startSchedule(parts, [
      out.task,
      ...incoming.tasks,
      ...keyTasks(parts, out.deps),
      watchReleases(parts),
      guard.task,
      logAuditHead(parts),
      serviceKeyUse(parts),
      tls.task,
      hops.task,
      watchClock(parts),
    ]),
  );
  const checks = { holdsServiceKey: true };
  serving.use(reloadAtHangup({ role: "gateway", live, log, tls, checks }));

  const wayInAndOut = { outgoing, incoming: incoming.handlers };
  const listeners = await listenAll(parts, { serving, tls, transactions }, wayInAndOut);
  await parts.testResolver();
  const watched = { parts, tls, guard, hops, metrics, listeners };
  const all: Record<string, Place> = Object.fromEntries(listeners);
  const { metrics: place } = config.listen;
  if (place !== undefined) all["metrics"] = serving.use(await startWatching(place, watched));
  const places = Object.fromEntries(
    Object.entries(all).map(([name, { host, port }]) => [name, `${host}:${String(port)}`]),
  );
  parts.events.ready("gateway", places);
  sayReady("gateway", places);
  await untilStopped();
  parts.events.stopping("gateway");
}

/** The private listener: health and figures. */
async function startWatching(
  place: Place,
  watched: {
    readonly parts: Parts;
    readonly tls: TlsFiles;
    readonly guard: DatabaseGuard;
    readonly hops: NextHops;
    readonly metrics: Metrics;
    readonly listeners: ReadonlyMap<string, Listener>;
  },
): Promise<Health> {
  const { parts, tls, guard, hops, metrics, listeners } = watched;
  const { store, clock, pool, testResolver } = parts;
  metrics.watch({
    store,
    clock,
    pool,
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
    clockTrouble: async () => troubleOfClock(parts),
  });
  return listeningFor("metrics", place, health);
}

function logAuditHead({ store, events }: Parts): Task {
  const run = async (): Promise<void> => {
    events.auditHead(await auditHead(store));
  };
  return { name: "log the head of the audit log", everyMs: DAY, run };
}

type Place = { readonly host: string; readonly port: number };

/** The listeners of the configuration, by the names that they have there. */
async function listenAll(
  parts: Parts,
  at: {
    readonly serving: AsyncDisposableStack;
    readonly tls: TlsFiles;
    readonly transactions: Transactions;
  },
  { outgoing, incoming }: Readonly<Record<"outgoing" | "incoming", Handlers<Sender>>>,
): Promise<ReadonlyMap<string, Listener>> {
  const listeners = new Map<string, Listener>();
  // All stop together: a client of one does not wait for those of another.
  at.serving.defer(async () => {
    await Promise.all([...listeners.values()].map(async (one) => one[Symbol.asyncDispose]()));
  });
  const { submission, submissionStarttls, mx, lmtp } = parts.config.listen;
  const wanted = [
    ["submission", submission, "submission-implicit", outgoing],
    ["submission_starttls", submissionStarttls, "submission-starttls", outgoing],
    ["mx", mx, "mx", incoming],
    ["lmtp", lmtp, "lmtp", incoming],
  ] as const;
  for (const [name, place, mode, handlers] of wanted) {
    if (place === undefined) continue;
    const told = { ...handlers, ...at.transactions.of(mode) };
    const started = listen(parts, at.tls, place, mode, told);
    listeners.set(name, await listeningFor(name, place, started));
  }
  return listeners;
}

/** What arrives by MX was sealed by others: armor, base64 and packets make it larger than what was submitted. */
const SEALED_GROWTH = 1.5;

async function listen(
  { config, events }: Parts,
  tls: TlsFiles,
  place: Place,
  mode: ListenerMode,
  handlers: Handlers<Sender>,
): Promise<Listener> {
  const isSubmission = mode === "submission-implicit" || mode === "submission-starttls";
  const { limits } = config;
  const { messageBytes, recipients, idleMs, dataMs, dataOctetsPerSecond, firstCommandMs } = limits;
  const [domain] = config.domains;
  const listener = await startListener({
    ...place,
    mode,
    hostname: config.hostname,
    ...(domain === undefined ? {} : { domain }),
    tls: tls.pair,
    limits: {
      messageBytes: isSubmission ? messageBytes : Math.ceil(messageBytes * SEALED_GROWTH),
      recipients,
      clients: limits.connections,
      clientsPerNetwork: limits.connectionsPerNetwork,
      isTrusted: inNetworks(limits.trustedNetworks),
      firstCommandMs,
      idleMs,
      dataMs,
      dataOctetsPerSecond,
    },
    handlers: {
      ...handlers,
      failed: (error) => {
        events.failed(mode, error);
      },
    },
  });
  tls.follow(listener.useTls);
  return listener;
}
