import { runGateway } from "../app/gateway.ts";
import { runKeyserver } from "../app/keyserver.ts";
import { loadConfig } from "../config/load.ts";
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

async function serve(call: Call): Promise<ExitCode> {
  const role = call.option("role") ?? "all";
  const config = await loadConfig(call.configFile);
  switch (role) {
    case "keyserver":
      await runKeyserver(config);
      return 0;
    case "gateway":
      await runGateway(config);
      return 0;
    case "all":
      await Promise.all([runGateway(config), runKeyserver(config)]);
      return 0;
    default:
      throw new UsageError(`unknown role ${JSON.stringify(role)}: keyserver, gateway or all`);
  }
}
