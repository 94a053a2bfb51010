import { readFile } from "node:fs/promises";
import { AppError } from "../base/errors.ts";
import { systemClock } from "../base/time.ts";
import type { Config } from "../config/load.ts";
import { startHttps } from "../http/server.ts";
import { keyserver, keyserverMethods } from "../keyserver/keyserver.ts";
import { isMigrated } from "../store/migrate.ts";
import { openStore } from "../store/store.ts";
import { startEvents } from "./events.ts";
import { sayReady, untilStopped } from "./stopping.ts";

/**
 * The keyserver role until SIGTERM: a read-only database handle, and neither the service key nor anything else that could
 * open a mailbox.
 * @throws AppError when the configuration has no keyserver or the database was not made yet.
 */
export async function runKeyserver(config: Config): Promise<void> {
  const place = config.listen.keyserver;
  if (place === undefined) {
    throw new AppError("the configuration has no [listen.keyserver]", { temporary: false });
  }
  const events = startEvents(config.log.level);
  await using store = await openStore({ ...config.database, readOnly: true });
  if (!(await isMigrated(store))) {
    throw new AppError("the database is not there yet: start the gateway first", {
      temporary: true,
    });
  }
  const tls = {
    cert: await readFile(config.tls.certificateFile, "utf8"),
    key: await readFile(config.tls.keyFile, "utf8"),
  };
  const failed = (error: unknown): void => {
    events.failed("keyserver", error);
  };
  await using server = await startHttps({
    host: place.host,
    port: place.port,
    tls,
    fetch: keyserver({ store, domains: config.domains, clock: systemClock, failed }),
    methods: keyserverMethods,
    failed,
  });
  sayReady("keyserver", { https: `${server.host}:${String(server.port)}` });
  await untilStopped();
  events.stopping("keyserver");
}
