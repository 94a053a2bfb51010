/** Mail to users whose keys end, where nobody but they can extend them. */
import { keysThatEnd, WARN_BEFORE_MS, warnOfEnd } from "../keys/expiry-warnings.ts";
import { keyEndingNotice } from "../notices/key-ending.ts";
import { keepNotice, type OutboxDeps } from "../outgoing/outbox.ts";
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
        const owner = await primaryAddress(store, ending.owner);
        const told = { ...ending, owner };
        const language = ending.language ?? ofInstallation();
        const now = clock.now();
        const keeping = { store, clock, hostname, wrap };
        await keepNotice(keeping, { account: ending.owner, address: owner }, (messageId) =>
          keyEndingNotice({ hostname, messageId, ending: told, language, now }),
        );
      });
    } catch (error) {
      events.failed("warn of ends", error);
    }
  }
}
