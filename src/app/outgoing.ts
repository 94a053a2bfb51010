/** Wires what accepted mail leaves through: the relay to the next hops, and the outbox of what they did not take yet. */
import { AppError } from "../base/errors.ts";
import { MINUTE, type Clock } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { Task } from "../jobs/tasks.ts";
import { openCopy, wrapCopy } from "../vault/rewrap.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import type { Domain } from "../mail/address.ts";
import { sendDue, type OutboxDeps } from "../outgoing/outbox.ts";
import { traceOutgoing } from "../outgoing/tracing.ts";
import type { Hop } from "../smtp/relay/hop.ts";
import type { IdleSessions } from "../smtp/relay/idle-sessions.ts";
import { relayWith } from "../smtp/relay/relay.ts";
import type { Store } from "../store/store.ts";
import { countedOutgoing } from "./counted.ts";
import type { Meter } from "./meter.ts";
import type { NextHops } from "./next-hop.ts";
import type { TraceWriter } from "./trace-writer.ts";

export type WayOutDeps = {
  readonly store: Store;
  readonly clock: Clock;
  readonly serviceKeys: VaultDeps["serviceKeys"];
  /** The configuration as it is now. */
  readonly current: () => Pick<Config, "hostname" | "relay">;
  readonly traces: Pick<TraceWriter, "writeLater">;
  readonly meter: Pick<Meter, "planned" | "handedOn">;
  /** Told of each hop that gave no answer. */
  readonly hops?: Pick<NextHops, "failed">;
  /** Where sessions with hops wait for the next message. */
  readonly idle?: IdleSessions;
};

/** What accepted mail leaves through. `task` sends what had to wait. */
export type WayOut = { readonly deps: OutboxDeps; readonly task: Task };

export function wayOut(wiring: WayOutDeps): WayOut {
  const { store, clock, serviceKeys, current, traces, meter, hops, idle } = wiring;
  const { hostname } = current();
  const deps: OutboxDeps = {
    store,
    clock,
    hostname,
    relay: relayWith({
      hopFor: (domain) => hopFor(current(), domain),
      hostname,
      ...(idle === undefined ? {} : { idle }),
      failed: (hop, error) => {
        hops?.failed(hop, error);
      },
    }),
    trace: countedOutgoing(traceOutgoing(traces.writeLater("out")), meter),
    // Waiting copies are wrapped under the service key, whose name each row keeps.
    wrap: async (id, bytes) => wrapCopy(serviceKeys, id, bytes),
    unwrap: async (id, { wrapped, serviceKey }) => {
      const message = await openCopy(serviceKeys, id, wrapped, serviceKey);
      if (message !== undefined) return message;
      throw new AppError("a waiting copy does not open with the queue key", { temporary: false });
    },
  };
  return { deps, task: { name: "outbox", everyMs: MINUTE, run: async () => sendDue(deps) } };
}

function hopFor({ relay }: Pick<Config, "relay">, domain: Domain): Hop {
  return relay.hosts[domain] ?? { host: relay.host, port: relay.port };
}
