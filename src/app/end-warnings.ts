/** Mail to users whose keys end, where nobody but they can extend them. */
import { randomUUID } from "node:crypto";

import { keysThatEnd, WARN_BEFORE_MS, warnOfEnd } from "../keys/expiry-warnings.ts";
import { keyEndingNotice } from "../notices/key-ending.ts";
import { toKeep } from "../outgoing/copy.ts";
import { keepForLater, type OutboxDeps } from "../outgoing/outbox.ts";
import { primaryAddress } from "../store/accounts/addresses.ts";
import type { VaultDeps } from "../vault/vault-deps.ts";
import type { Events } from "./events.ts";

/** What notices leave through: the outbox, as bounces do, to wherever mail for the user is delivered. */
export type NoticeDeps = Pick<OutboxDeps, "hostname" | "wrap" | "language">;

/** Trouble with one user's warning is logged and tried again; it keeps nobody else's back. */
export async function warnOfEnds(
  deps: VaultDeps & { readonly events: Pick<Events, "failed"> },
  { hostname, wrap, language: ofInstallation }: NoticeDeps,
): Promise<void> {
  const { clock, events } = deps;
  for await (const published of keysThatEnd(deps, WARN_BEFORE_MS)) {
    try {
      await warnOfEnd(deps, published, async (store, ending) => {
        const messageId = `<${randomUUID()}@${hostname}>`;
        const owner = await primaryAddress(store, ending.owner);
        const told = { ...ending, owner };
        const language = ending.language ?? ofInstallation();
        const now = clock.now();
        const message = keyEndingNotice({ hostname, messageId, ending: told, language, now });
        const copy = { envelope: { from: undefined, recipients: [owner] }, message };
        const sender = { account: ending.owner, address: owner };
        await keepForLater({ store, clock, wrap }, sender, messageId, [toKeep(copy)]);
      });
    } catch (error) {
      events.failed("warn of ends", error);
    }
  }
}
