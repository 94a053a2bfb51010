/** Says which service key this process writes under, so that another host deletes none that is still used. */
import { hostname } from "node:os";
import { pid } from "node:process";

import { AppError } from "../base/errors.ts";
import { after, DAY, MINUTE } from "../base/time.ts";
import type { Task } from "../jobs/tasks.ts";
import { forgetServiceKeyUsers, noteServiceKeyUser } from "../store/keys/service-key-users.ts";
import { checkServiceKey, OTHER_SERVICE_KEY } from "../vault/service-key-log.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";

/** At the start and every minute, also whether the key is the one that the audit log says is in force. */
export function serviceKeyUse(vault: VaultDeps): Task {
  const { store, clock, serviceKeys } = vault;
  const name = `${hostname()}:${String(pid)}`;
  return {
    name: "service key",
    everyMs: MINUTE,
    run: async () => {
      const now = clock.now();
      const serviceKey = serviceKeys.current.id;
      await noteServiceKeyUser(store, { process: name, serviceKey, seenAt: now });
      await forgetServiceKeyUsers(store, { notSince: after(now, -DAY) });
      if ((await checkServiceKey(vault)) !== "other") return;
      throw new AppError(OTHER_SERVICE_KEY, { temporary: false });
    },
  };
}
