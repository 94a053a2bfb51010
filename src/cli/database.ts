import type { Vault } from "../app/open-vault.ts";
import { resetTimeSeen } from "../discovery/reset-time.ts";
import { clockTrouble, readLatestTime } from "../discovery/time-seen.ts";
import { grantsFor } from "../keyserver/database-role.ts";
import { answer, type Call, type Command, type ExitCode, UsageError } from "./command.ts";
import { lookUpsFor, openFor } from "./open.ts";

/** `database clock` and `database grants ROLE`. */
export const databaseCommands: readonly Command[] = [
  {
    name: "database clock",
    operands: [],
    summary: "the latest time that the gateway has seen, beside this host's clock",
    options: { reset: { help: "after a clock that was ahead: now is the latest time" } },
    run: clock,
  },
  {
    name: "database grants",
    operands: ["ROLE"],
    summary:
      "the SQL that lets a PostgreSQL role of the keyserver's read what is published, and no more",
    options: {},
    run: async (call) => {
      const [role = ""] = call.operands;
      const statements = grantsFor(role);
      if (statements === undefined) {
        throw new UsageError(
          `${JSON.stringify(role)} is no plain role name: lower-case letters, digits and _, at most 63`,
        );
      }
      return Promise.resolve(
        answer(call, { role, statements }, [
          `-- Make the role first (createuser ${role}), then run this as the owner of the tables, for instance:`,
          `--   sealpost database grants ${role} | psql URL`,
          `-- and name the role in [database] keyserver_url.`,
          ...statements,
        ]),
      );
    },
  },
];

async function clock(call: Call): Promise<ExitCode> {
  const isReset = call.has("reset");
  await using vault = await openFor(call, !isReset);
  const now = isReset ? await reset(vault) : vault.clock.now();
  const seen = isReset ? now : await readLatestTime(vault.store);
  const trouble = seen === undefined ? undefined : clockTrouble(vault.clock, seen);
  return answer(call, { now: now.toISOString(), seen: seen?.toISOString(), trouble }, [
    `this host    ${now.toISOString()}`,
    `seen latest  ${seen?.toISOString() ?? "nothing yet"}`,
    ...(trouble === undefined ? [] : [trouble]),
    ...(isReset ? ["start the gateway again: one that runs goes on from the time before"] : []),
  ]);
}

async function reset(vault: Vault): Promise<Date> {
  using lookUps = await lookUpsFor(vault);
  const { store, clock } = vault;
  return await resetTimeSeen({ store, clock, purgeDiscoveries: lookUps.discoverer.purge });
}
