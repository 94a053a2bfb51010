import { ROLE_NAMES, serveRoles } from "../app/app.ts";
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
  const name = call.option("role") ?? "all";
  const wanted = name === "all" ? ROLE_NAMES : ROLE_NAMES.filter((role) => role === name);
  if (wanted.length === 0) {
    throw new UsageError(`unknown role ${JSON.stringify(name)}: ${ROLE_NAMES.join(", ")} or all`);
  }
  await serveRoles(call.configFile, wanted);
  return 0;
}
