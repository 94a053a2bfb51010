/**
 * SIGHUP: the configuration is read again, and what may change is taken over; the certificate files are looked at, and the
 * log file is opened again. A configuration that `config check` refuses, or with a log file that cannot be written, changes
 * nothing.
 */
import { errorText } from "../base/errors.ts";
import { ConfigError } from "../config/config.ts";
import { checkedConfig, type Checks } from "./config-problems.ts";
import type { EventLog } from "./events.ts";
import type { LiveConfig } from "./live-config.ts";
import type { TlsFiles } from "./tls-files.ts";

type Deps = {
  readonly role: string;
  readonly live: LiveConfig;
  readonly log: EventLog;
  readonly tls: TlsFiles;
  readonly checks: Checks;
};

/** Reloads at each SIGHUP until disposed, one after the other. */
export function reloadAtHangup(deps: Deps): AsyncDisposable {
  let running = Promise.resolve();
  const hangup = (): void => {
    running = running.then(async () => reload(deps));
  };
  process.on("SIGHUP", hangup);
  return {
    [Symbol.asyncDispose]: async () => {
      process.off("SIGHUP", hangup);
      await running;
    },
  };
}

/** Never throws: what cannot be reloaded is named in the log. */
export async function reload({ role, live, log, tls, checks }: Deps): Promise<void> {
  try {
    const next = await checkedConfig(live.current.file, checks);
    log.requireUsable(next.log);
    const taken = live.take(next);
    log.follow(live.current.log);
    log.events.reloaded({ role, ...taken });
  } catch (error) {
    log.follow(live.current.log);
    const problems = error instanceof ConfigError ? error.problems : [errorText(error)];
    log.events.reloadRefused({ role, problems });
  }
  await tls.look();
}

/** From now on SIGHUP ends no process, also before there is anything to reload. */
export function surviveHangup(): void {
  process.on("SIGHUP", () => undefined);
}
