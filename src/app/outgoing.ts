/** Wires what accepted mail leaves through: the relay to the next hops, and the outbox of what they did not take yet. */
import { MINUTE, type Clock } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { Task } from "../jobs/tasks.ts";
import type { Keeping } from "../outgoing/deferral/deferral.ts";
import { sendDue, type OutboxDeps } from "../outgoing/outbox.ts";
import { partKey, queueKey } from "../outgoing/queue-key.ts";
import { traceOutgoing } from "../outgoing/tracing.ts";
import type { IdleSessions } from "../smtp/relay/idle-sessions.ts";
import { relayWith } from "../smtp/relay/relay.ts";
import type { Store } from "../store/store.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import { countedOutgoing } from "./counted.ts";
import type { Events } from "./events.ts";
import { hopFor } from "./hops.ts";
import type { Meter } from "./meter.ts";
import type { NextHops } from "./next-hop.ts";
import type { TraceWriter } from "./trace-writer.ts";

export type OutboundRelayDeps = {
  readonly store: Store;
  readonly clock: Clock;
  readonly serviceKeys: VaultDeps["serviceKeys"];
  /** The configuration as it is now. */
  readonly current: () => Pick<Config, "hostname" | "relay" | "notices">;
  readonly events: Pick<Events, "failed">;
  readonly traces: Pick<TraceWriter, "writeLater">;
  readonly meter: Pick<Meter, "planned" | "handedOn">;
  /** Told of each hop that gave no answer. */
  readonly hops?: Pick<NextHops, "failed">;
  /** Where sessions with hops wait for the next message. */
  readonly idle?: IdleSessions;
};

/** What accepted mail leaves through. Disposing waits for the copies that are being sent, so that none is sent twice. */
export type OutboundRelay = AsyncDisposable & {
  readonly deps: OutboxDeps;
  /** Wraps the parts of messages that wait for certainty. */
  readonly parts: Keeping["parts"];
  /** Sends what had to wait. */
  readonly task: Task;
  /** Sends what is due, at once; nobody waits for it. */
  readonly sendSoon: () => void;
};

export function outboundRelay(wiring: OutboundRelayDeps): OutboundRelay {
  const { store, clock, serviceKeys, current, events, traces, meter, hops, idle } = wiring;
  const { hostname } = current();
  const deps: OutboxDeps = {
    store,
    clock,
    hostname,
    language: () => current().notices.language,
    relay: relayWith({
      hopFor: (domain) => hopFor(current(), domain),
      hostname,
      ...(idle === undefined ? {} : { idle }),
      failed: (hop, error) => {
        hops?.failed(hop, error);
      },
    }),
    trace: countedOutgoing(traceOutgoing(traces.writeLater("out")), meter),
    ...queueKey(serviceKeys),
  };
  const ending = new AbortController();
  const running = new Set<Promise<void>>();
  const task = { name: "outbox", everyMs: MINUTE, run: async () => sendDue(deps, ending.signal) };
  return {
    deps,
    parts: partKey(serviceKeys),
    task,
    sendSoon: () => {
      const run = task.run().catch((error: unknown) => {
        events.failed(task.name, error);
      });
      running.add(run);
      void run.finally(() => running.delete(run));
    },
    [Symbol.asyncDispose]: async () => {
      ending.abort();
      await Promise.all(running);
    },
  };
}
