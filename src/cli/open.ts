import { startEvents } from "../app/events.ts";
import { openLookUps, type LookUps } from "../app/open-look-ups.ts";
import { openVault, type Vault } from "../app/open-vault.ts";
import { loadConfig } from "../config/config.ts";
import { standingAlarms } from "../keys/releases.ts";
import { lastUnserved, unservedSince } from "../keys/revoke-active.ts";
import { certificateWorkHere } from "../openpgp/openpgp.ts";
import type { Call } from "./command.ts";

/**
 * The vault, for one command. An alarm that the command raised is told on stderr when it ends; the gateway logs it. So is a
 * key that ended meanwhile and that only its owner can revoke. `isReading`: of a command that only reads, which leaves the
 * tables of the database as they are.
 */
export async function openFor(call: Call, isReading = false): Promise<Vault> {
  const vault = await openVault(await loadConfig(call.configFile), { isReading });
  const { config, keyRules, store, clock, serviceKeys, releaseLimits, blobs, removeBlobs } = vault;
  const before = (await standingAlarms(store)).at(-1)?.seq ?? 0;
  const unservedBefore = await lastUnserved(store);
  return {
    config,
    keyRules,
    store,
    clock,
    serviceKeys,
    releaseLimits,
    blobs,
    removeBlobs,
    [Symbol.asyncDispose]: async () => {
      await using _vault = vault;
      for (const { within, released, limit } of await standingAlarms(store, before)) {
        call.terminal.complain(
          `sealpost: ALARM: ${released} generic revocations were released within ${within === "hour" ? "an hour" : "a day"}; the number set is ${limit}. See: sealpost key revocations`,
        );
      }
      for (const fingerprint of await unservedSince(store, unservedBefore)) {
        call.terminal.complain(
          `sealpost: ${fingerprint} ended without a revocation, because none that can be used is here: it is served no longer, also not by fingerprint, and what it signed is not confirmed. To publish it as revoked: sealpost key publish-revocation ADDRESS FILE`,
        );
      }
    },
  };
}

/** Look-ups, for one command: nothing is logged of them, and its own thread works on certificates. */
export async function lookUpsFor(vault: Vault): Promise<LookUps> {
  const crypto = { certificateWork: certificateWorkHere, workForUsers: certificateWorkHere };
  const events = startEvents("silent");
  return openLookUps(vault.config, { vault, crypto, events, isServing: false });
}

/** As `openFor`, for a command that only reads. @throws AppError when the tables are of another version. */
export async function openToRead(call: Call): Promise<Vault> {
  return openFor(call, true);
}
