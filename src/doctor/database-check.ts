import { judgeDurability } from "./durability.ts";
import { fail, failNow, ok } from "./finding.ts";
import type { Check, DoctorDeps } from "./visit.ts";

/** Whether the database can be read and has the tables of this version, and whether it keeps what it takes. */
export const databaseCheck: Check<DoctorDeps> = {
  name: "database",
  why: "Keys, accounts and mail are in it: every part of Sealpost waits for it.",
  run: async ({ database }) => {
    if (database.kind === "closed") {
      const title = `the database cannot be opened: ${database.reason}`;
      return [
        database.isTemporary
          ? failNow(title, "Start the database server, and see that [database] url names it.")
          : fail(title, "See that [database] names it, and run doctor as the user of the gateway."),
      ];
    }
    return [
      database.isMigrated
        ? ok("the database is open and up to date")
        : fail(
            "the tables of the database are not those of this version",
            "Start the gateway once, which brings them up to date: sealpost serve --role gateway",
          ),
      ...(await judgeDurability(database.store)),
    ];
  },
};
