import { openParts, type Parts } from "../app/parts.ts";
import { type Config, loadConfig } from "../config/load.ts";
import { standingAlarms } from "../keys/releases.ts";
import type { Call } from "./command.ts";

/**
 * The parts, for one command: stdout belongs to its answer, so nothing is logged. An alarm that the command raised is told
 * on stderr when it ends; the gateway logs it.
 */
export async function openFor(call: Call): Promise<Parts> {
  const parts = await openQuietly(await loadConfig(call.configFile));
  const before = (await standingAlarms(parts.store)).at(-1)?.seq ?? 0;
  return {
    ...parts,
    [Symbol.asyncDispose]: async () => {
      await using _parts = parts;
      for (const { within, released, limit } of await standingAlarms(parts.store, before)) {
        call.terminal.complain(
          `sealpost: ALARM: ${released} generic revocations were released within ${within === "hour" ? "an hour" : "a day"}; the number set is ${limit}. See: sealpost key revocations`,
        );
      }
    },
  };
}

/** Without a command's terminal, from a configuration that was read already. */
export async function openQuietly(config: Config): Promise<Parts> {
  return openParts({ ...config, log: { level: "silent" } });
}
