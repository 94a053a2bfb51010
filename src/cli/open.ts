import { openParts, type Parts } from "../app/parts.ts";
import { type Config, loadConfig } from "../config/load.ts";
import type { Call } from "./command.ts";

/** The parts, for one command: stdout belongs to its answer, so nothing is logged. */
export async function openFor(call: Call): Promise<Parts> {
  return openQuietly(await loadConfig(call.configFile));
}

/** As `openFor`, from a configuration that was read already. */
export async function openQuietly(config: Config): Promise<Parts> {
  return openParts({ ...config, log: { level: "silent" } });
}
