/** What mailboxes need while nobody looks into them. */
import { HOUR, MINUTE } from "../base/time.ts";
import type { Task } from "../jobs/tasks.ts";
import { expungeRemoved } from "../mailbox/embedded/expunge.ts";
import type { Vault } from "./open-vault.ts";

/** To be done once for an installation. */
export function mailboxTasks(vault: Pick<Vault, "store" | "clock" | "blobs">): readonly Task[] {
  return [
    {
      name: "delete removed messages",
      everyMs: MINUTE,
      run: async () => expungeRemoved(vault),
    },
    { name: "sweep bodies", everyMs: HOUR, run: vault.blobs.sweep },
  ];
}
