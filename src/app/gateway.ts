/** The gateway role: mail out (submission) and mail in (MX, LMTP), over one set of parts. */
import { DAY } from "../base/time.ts";
import type { Config } from "../config/load.ts";
import { auditHead } from "../journal/audit.ts";
import type { Handlers, ListenerMode } from "../smtp/handlers.ts";
import { startListener, type Listener } from "../smtp/listener.ts";
import type { Sender } from "../outgoing/submit.ts";
import type { Store } from "../store/store.ts";
import { openEventLog } from "./events.ts";
import { guardDatabase } from "./database-guard.ts";
import { reloadAtHangup } from "./hangup.ts";
import { startHealth } from "./health.ts";
import { wayIn } from "./incoming.ts";
import { LiveConfig } from "./live-config.ts";
import { keyTasks } from "./key-tasks.ts";
import { outgoingHandlers, wayOut } from "./outgoing.ts";
import { openParts, type Parts } from "./parts.ts";
import { watchReleases } from "./release-watch.ts";
import { serviceKeyUse } from "./service-key-use.ts";
import { startSchedule } from "./schedule.ts";
import { sayReady, untilStopped } from "./stopping.ts";
import { TlsFiles } from "./tls-files.ts";
import { Transactions } from "./transactions.ts";

/**
 * Serves until SIGTERM, then lets running transactions end.
 * @throws AppError when a part cannot be opened or an address is taken.
 */
export async function runGateway(config: Config, store?: Store): Promise<void> {
  const log = openEventLog(config.log);
  const { events } = log;
  const live = new LiveConfig(config);
  const tls = await TlsFiles.open({ place: () => live.current.tls, events });
  const current = (): Config => live.current;
  await using parts = await openParts(config, { shared: store, events, current });
  const guard = guardDatabase(parts);
  await using serving = new AsyncDisposableStack();
  const out = wayOut(parts);
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
      {
        name: "log the head of the audit log",
        everyMs: DAY,
        run: async () => {
          parts.events.auditHead(await auditHead(parts.store));
        },
      },
      serviceKeyUse(parts),
      tls.task,
    ]),
  );
  const checks = { holdsServiceKey: true };
  serving.use(reloadAtHangup({ role: "gateway", live, log, tls, checks }));

  const places: Record<string, string> = {};
  const { submission, submissionStarttls, mx, lmtp, metrics } = config.listen;
  const wanted = [
    ["submission", submission, "submission-implicit", outgoing],
    ["submission_starttls", submissionStarttls, "submission-starttls", outgoing],
    ["mx", mx, "mx", incoming.handlers],
    ["lmtp", lmtp, "lmtp", incoming.handlers],
  ] as const;
  for (const [name, place, mode, handlers] of wanted) {
    if (place === undefined) continue;
    const listener = serving.use(
      await listen(parts, tls, place, mode, { ...handlers, ...transactions.of(mode) }),
    );
    places[name] = `${listener.host}:${String(listener.port)}`;
  }
  await parts.testResolver();
  if (metrics !== undefined) {
    const health = serving.use(await startHealth(metrics, parts, guard));
    places["metrics"] = `${health.host}:${String(health.port)}`;
  }
  parts.events.ready("gateway", places);
  sayReady("gateway", places);
  await untilStopped();
  parts.events.stopping("gateway");
}

/** What arrives by MX was sealed by others: armor, base64 and packets make it larger than what was submitted. */
const SEALED_GROWTH = 1.5;

async function listen(
  { config, events }: Parts,
  tls: TlsFiles,
  place: { readonly host: string; readonly port: number },
  mode: ListenerMode,
  handlers: Handlers<Sender>,
): Promise<Listener> {
  const isSubmission = mode === "submission-implicit" || mode === "submission-starttls";
  const { messageBytes, recipients, connections, idleMs } = config.limits;
  const listener = await startListener({
    ...place,
    mode,
    hostname: config.hostname,
    tls: tls.pair,
    limits: {
      messageBytes: isSubmission ? messageBytes : Math.ceil(messageBytes * SEALED_GROWTH),
      recipients,
      clients: connections,
      idleMs,
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
