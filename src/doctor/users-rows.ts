import type { Store } from "../store/store.ts";
import type { ServiceKeys } from "../vault/service-key.ts";
import { skip, type Judgement } from "./finding.ts";
import type { Check, DoctorDeps } from "./visit.ts";

/** Runs a check of what is stored for users, which needs the database and the service key; skipped without one of them. */
export function onUsersRows(
  what: string,
  judge: (store: Store, serviceKeys: ServiceKeys) => Promise<readonly Judgement[]>,
): Check<DoctorDeps>["run"] {
  return async ({ database, serviceKeys }) => {
    if (database.kind === "closed" || !database.isMigrated)
      return [skip(what, "the database cannot be read (see database)")];
    if (serviceKeys === undefined)
      return [skip(what, "the service key cannot be read (see service-key)")];
    return await judge(database.store, serviceKeys);
  };
}
