import { AppError } from "../base/errors.ts";
import { inNetworks } from "../base/network.ts";
import { MINUTE, systemClock } from "../base/time.ts";
import type { Config, DatabaseConfig } from "../config/config.ts";
import { keyserver, keyserverHttp, type KeyserverLimits } from "../keyserver/keyserver.ts";
import { startHttps } from "../keyserver/lane/server.ts";
import { isMigrated } from "../store/engine/migrate.ts";
import { rightsBeyondPublished } from "../store/keys/keyserver-role.ts";
import { isPublicationHeld } from "../store/keys/published-version.ts";
import { openPublishedView, type PublishedView } from "../store/keys/published-view.ts";
import { openStore, type Store, type StoreOptions } from "../store/store.ts";
import { openEventLog, type Events } from "./events.ts";
import { reloadAtHangup } from "./hangup.ts";
import { listeningFor } from "./listening.ts";
import { LiveConfig } from "./live-config.ts";
import type { OfProcess } from "./of-process.ts";
import { startTasks } from "./schedule.ts";
import { sayReady, untilStopped } from "./stopping.ts";
import { TlsFiles } from "./tls-files.ts";

/**
 * The keyserver role until SIGTERM: a handle that reads what is published, and neither the service key nor anything else
 * that could open a mailbox. `limits` are those of the keyserver where a measurement needs others.
 * @throws AppError when the configuration has no keyserver, when the database was not made yet, and when its role may do
 * more than it should.
 */
export async function runKeyserver(
  config: Config,
  { store, tlsNews }: OfProcess = {},
  limits: Partial<KeyserverLimits> = {},
): Promise<void> {
  const place = config.listen.keyserver;
  if (place === undefined) {
    throw new AppError("the configuration has no [listen.keyserver]", { temporary: false });
  }
  const log = openEventLog(config.log);
  const { events } = log;
  const live = new LiveConfig(config);
  const database = await restricted(config.database, events);
  await requireTables(database, store);
  await using view = openPublishedView(database);
  const tls = await TlsFiles.open({ place: () => live.current.tls, events, news: tlsNews });
  const name = place.name ?? config.hostname;
  const starting = startHttps({
    host: place.host,
    port: place.port,
    tls: tls.pair,
    limits: {
      connections: config.keyserver.connections,
      connectionsPerNetwork: config.keyserver.connectionsPerNetwork,
      isTrusted: inNetworks(config.keyserver.trustedNetworks),
      headersMs: config.keyserver.requestMs,
      idleMs: config.keyserver.idleMs,
    },
    ...keyserver({
      view,
      domains: config.domains,
      clock: systemClock,
      place: place.port === 443 ? name : `${name}:${String(place.port)}`,
      limits: {
        addressMissesPerMinute: config.keyserver.missesPerMinute,
        peerMissesPerMinute: config.keyserver.peerMissesPerMinute,
        idMissesPerMinute: config.keyserver.idMissesPerMinute,
        lookUpsPerMinute: config.keyserver.lookUpsPerMinute,
        ...limits,
      },
      isPeer: inNetworks(config.keyserver.peers),
    }),
    ...keyserverHttp,
    failed: (error) => {
      events.failed("keyserver", error);
    },
  });
  await using server = await listeningFor("keyserver", place, starting);
  tls.follow(server.useTls);
  const checks = { holdsServiceKey: false };
  await using _reload = reloadAtHangup({ role: "keyserver", live, log, tls, checks });
  await using _watch = watchFile(view, events, tls);
  sayReady("keyserver", { https: `${server.host}:${String(server.port)}` });
  await untilStopped();
  events.stopping("keyserver");
}

/**
 * The database as the keyserver opens it. On SQLite the handle itself is restricted; on PostgreSQL the role has to be.
 * @throws AppError when the role that was configured for the keyserver may do more than read what is published.
 */
async function restricted(database: DatabaseConfig, events: Events): Promise<StoreOptions> {
  if (database.engine === "sqlite") return { ...database, readOnly: true };
  const { url, keyserverUrl } = database;
  if (keyserverUrl === undefined) {
    events.keyserverUnrestricted(
      "the keyserver uses the role of [database] url, which can read everything; make a role for it with " +
        "`sealpost database grants ROLE` and name it in [database] keyserver_url",
    );
    return { engine: "postgres", url, readOnly: true };
  }
  const tooMuch = await rightsBeyondPublished(keyserverUrl);
  if (tooMuch.length > 0) {
    throw new AppError(
      "the role in [database] keyserver_url may do more than read what is published: it has rights on " +
        `${tooMuch.join(", ")}; use a role that is no superuser, owns nothing and belongs to no other role, and ` +
        "run for it, as the owner of the tables, what `sealpost database grants ROLE` prints",
      { temporary: false },
    );
  }
  return { engine: "postgres", url: keyserverUrl, readOnly: true };
}

const HELD =
  "the database was restored without the file of what was published since, so a key that was revoked may be there " +
  "unrevoked: give that file (sealpost restore --published FILE), or, once you accept it: sealpost restore --confirm";

/** Asks every minute whether the handle still reads the file that has the database's name, lest answers grow old. */
function watchFile(view: PublishedView, events: Events, tls: TlsFiles): AsyncDisposable {
  const look = async (): Promise<void> => {
    const why = view.refresh();
    if (why !== undefined) events.databaseChanged(`the keyserver had lost the database: ${why}`);
    return Promise.resolve();
  };
  return startTasks(events, [
    { name: "look at the database", everyMs: MINUTE, run: look },
    tls.task,
  ]);
}

/** @throws AppError when they are not there, or of another version than this program. */
async function requireTables(database: StoreOptions, shared: Store | undefined): Promise<void> {
  await using own = shared === undefined ? await openStore(database) : undefined;
  const store = shared ?? own;
  if (store !== undefined && (await isMigrated(store))) {
    if (await isPublicationHeld(store)) throw new AppError(HELD, { temporary: false });
    return;
  }
  throw new AppError(
    "the database is not there yet, or older than this program: start the gateway first" +
      (database.engine === "postgres"
        ? "; or the keyserver's role cannot read it: see `sealpost database grants ROLE`"
        : ""),
    { temporary: true },
  );
}
