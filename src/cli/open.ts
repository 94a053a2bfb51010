import { openParts, type Parts } from "../app/parts.ts";
import { type Config, loadConfig } from "../config/config.ts";
import { lastUnserved, unservedSince } from "../keys/revoke-active.ts";
import { standingAlarms } from "../keys/releases.ts";
import type { Call } from "./command.ts";

/**
 * The parts, for one command: stdout belongs to its answer, so nothing is logged. An alarm that the command raised is told
 * on stderr when it ends; the gateway logs it. So is a key that ended meanwhile and that only its owner can revoke.
 * `isReading`: of a command that only reads, which leaves the tables of the database as they are.
 */
export async function openFor(call: Call, isReading = false): Promise<Parts> {
  const parts = await openQuietly(await loadConfig(call.configFile), isReading);
  const before = (await standingAlarms(parts.store)).at(-1)?.seq ?? 0;
  const unservedBefore = await lastUnserved(parts.store);
  return {
    ...parts,
    [Symbol.asyncDispose]: async () => {
      await using _parts = parts;
      for (const { within, released, limit } of await standingAlarms(parts.store, before)) {
        call.terminal.complain(
          `sealpost: ALARM: ${released} generic revocations were released within ${within === "hour" ? "an hour" : "a day"}; the number set is ${limit}. See: sealpost key revocations`,
        );
      }
      for (const fingerprint of await unservedSince(parts.store, unservedBefore)) {
        call.terminal.complain(
          `sealpost: ${fingerprint} ended without a revocation, because none that can be used is here: it is served no longer, also not by fingerprint, and what it signed is not confirmed. To publish it as revoked: sealpost key publish-revocation ADDRESS FILE`,
        );
      }
    },
  };
}

/** As `openFor`, for a command that only reads. @throws AppError when the tables are of another version. */
export async function openToRead(call: Call): Promise<Parts> {
  return openFor(call, true);
}

/** Without a command's terminal, from a configuration that was read already. */
export async function openQuietly(config: Config, isReading = false): Promise<Parts> {
  return openParts({ ...config, log: { ...config.log, level: "silent" } }, { isReading });
}
