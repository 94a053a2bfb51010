/** The periodic tasks of a gateway: what each process does, and what one process does for all of them. */
import type { Config } from "../config/config.ts";
import type { Task } from "../jobs/tasks.ts";
import type { LoginCache } from "../login/login-cache.ts";
import { logHead, signHeads } from "./audit-head-tasks.ts";
import { watchClock } from "./clock-watch.ts";
import type { DatabaseGuard } from "./database-guard.ts";
import { digestTask } from "./digest-task.ts";
import type { Events } from "./events.ts";
import type { DeliveryHandlers } from "./incoming.ts";
import { keyTasks } from "./key-tasks.ts";
import { mailboxTasks } from "./mailbox-tasks.ts";
import type { NextHops } from "./next-hop.ts";
import { sweepLoginCache } from "./open-login-cache.ts";
import type { Vault } from "./open-vault.ts";
import type { OutboundRelay } from "./outgoing.ts";
import { watchReleases } from "./release-watch.ts";
import type { Tasks } from "./schedule.ts";
import { serviceKeyUse } from "./service-key-use.ts";
import type { TlsFiles } from "./tls-files.ts";

type Deps = {
  readonly vault: Vault;
  /** The configuration as it is now. */
  readonly current: () => Pick<Config, "notices" | "submission">;
  readonly events: Events;
  readonly out: OutboundRelay;
  readonly deferral: { readonly task: Task };
  readonly incoming: Pick<DeliveryHandlers, "tasks">;
  readonly guard: DatabaseGuard;
  readonly tls: TlsFiles;
  readonly hops: NextHops;
  readonly loginCache: LoginCache;
};

export function gatewayTasks(deps: Deps): Tasks {
  const { vault, current, events, out, deferral, incoming, guard, tls, hops, loginCache } = deps;
  const { store, clock, keyRules } = vault;
  const { backfillPerMinute } = vault.config.keys;
  return {
    inEachProcess: [
      // Each copy and each deferred message is a job of its own, so that all processes do what is due.
      out.task,
      deferral.task,
      // The authors that this process could not ask are in its memory.
      ...incoming.tasks.inEachProcess,
      // Each process remembers which alarms it logged, and its log may be the one that somebody reads.
      watchReleases({ store, events }),
      // These look at the process's own handle and disk, files, connections, memory and clock.
      guard.task,
      tls.task,
      hops.task,
      sweepLoginCache(vault, loginCache),
      watchClock({ store, clock, events }),
      // Asking whether something was appended costs less than a lease, and of two who sign at once one does.
      signHeads({ store }),
      logHead({ store, events }),
      // It says which service key this process writes under.
      serviceKeyUse(vault),
    ],
    // These change rows or ask others, and know nothing from one run to the next: a second process would do it all again.
    once: [
      ...incoming.tasks.once,
      ...mailboxTasks(vault),
      ...keyTasks({ vault, keyRules, backfillPerMinute, events, notices: out.deps }),
      digestTask({ current, events, out }),
    ],
  };
}
