import { AppError } from "../base/errors.ts";
import { openCopy, wrapCopy, type QueuePurpose } from "../vault/rewrap.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import type { Keeping } from "./deferral/deferral.ts";
import type { OutboxDeps } from "./outbox.ts";

/** Waiting mail is wrapped under the service key, whose name each row keeps: copies for the next hop. */
export function queueKey(serviceKeys: VaultDeps["serviceKeys"]): Wrapping {
  return wrappingFor(serviceKeys, "outbox");
}

/** The same with parts of deferred messages, of which none opens as a copy. */
export function partKey(serviceKeys: VaultDeps["serviceKeys"]): Keeping["parts"] {
  return wrappingFor(serviceKeys, "deferred");
}

type Wrapping = Pick<OutboxDeps, "wrap" | "unwrap">;

function wrappingFor(serviceKeys: VaultDeps["serviceKeys"], purpose: QueuePurpose): Wrapping {
  return {
    wrap: async (id, bytes) => wrapCopy(serviceKeys, purpose, id, bytes),
    unwrap: async (id, wrapped) => {
      const message = await openCopy(serviceKeys, purpose, { id, ...wrapped });
      if (message !== undefined) return message;
      throw new AppError("a waiting message does not open with the queue key", {
        temporary: false,
      });
    },
  };
}
