import { grantsFor } from "../store/keyserver-role.ts";
import { answer, type Command, UsageError } from "./command.ts";

/** `database grants ROLE`. */
export const databaseCommands: readonly Command[] = [
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
