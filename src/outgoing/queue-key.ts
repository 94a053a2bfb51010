import { AppError } from "../base/errors.ts";
import { openCopy, wrapCopy } from "../vault/rewrap.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import type { OutboxDeps } from "./outbox.ts";

/** Waiting mail is wrapped under the service key, whose name each row keeps. */
export function queueKey(
  serviceKeys: VaultDeps["serviceKeys"],
): Pick<OutboxDeps, "wrap" | "unwrap"> {
  return {
    wrap: async (id, bytes) => wrapCopy(serviceKeys, id, bytes),
    unwrap: async (id, { wrapped, serviceKey }) => {
      const message = await openCopy(serviceKeys, id, wrapped, serviceKey);
      if (message !== undefined) return message;
      throw new AppError("a waiting message does not open with the queue key", {
        temporary: false,
      });
    },
  };
}
