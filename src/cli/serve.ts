import { endOnUnheard } from "../app/last-resort.ts";
import { checkedConfig } from "../app/config-problems.ts";
import { openToServe } from "../app/database.ts";
import { surviveHangup } from "../app/hangup.ts";
import type { OfProcess } from "../app/of-process.ts";
import { TlsNews } from "../app/tls-files.ts";
import type { Config } from "../config/config.ts";
import { type Call, type Command, type ExitCode, UsageError } from "./command.ts";

/** `serve [--role ROLE]`. */
export const serveCommand: Command = {
  name: "serve",
  operands: [],
  summary: "run a role until SIGTERM; says on stdout when it is ready",
  options: {
    role: {
      value: "keyserver|gateway|all",
      help: "keyserver: what the world reads; gateway: mail in and out; all: both (default)",
    },
  },
  run: serve,
};

type Role = (config: Config, shared: OfProcess) => Promise<void>;

/** Loaded when it is run: the keyserver's process has none of the code that opens mail. */
const ROLES: Readonly<Record<string, () => Promise<Role>>> = {
  keyserver: async () => (await import("../app/keyserver.ts")).runKeyserver,
  gateway: async () => (await import("../app/gateway.ts")).runGateway,
};

async function serve(call: Call): Promise<ExitCode> {
  const name = call.option("role") ?? "all";
  const known = Object.keys(ROLES);
  const wanted = name === "all" ? known : known.filter((role) => role === name);
  if (wanted.length === 0) {
    throw new UsageError(`unknown role ${JSON.stringify(name)}: ${known.join(", ")} or all`);
  }
  endOnUnheard();
  surviveHangup();
  const holdsServiceKey = wanted.includes("gateway");
  const config = await checkedConfig(call.configFile, { holdsServiceKey });
  const roles = await Promise.all(wanted.map(async (role) => ROLES[role]?.()));
  // One store for the process. The keyserver reads only: who writes has the database open, and up to date, before it.
  await using store = wanted.includes("gateway") ? await openToServe(config.database) : undefined;
  const shared = { store, tlsNews: new TlsNews(roles.length) };
  await Promise.all(roles.map(async (run) => run?.(config, shared)));
  return 0;
}
