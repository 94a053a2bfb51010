import { after, HOUR, MINUTE } from "../base/time.ts";
import { outboxFigures } from "../store/mail/queue-figures.ts";
import { ok, skip, warn } from "./finding.ts";
import type { Check, DoctorDeps } from "./visit.ts";

/** How long a copy may wait before doctor mentions it. */
const LONG_MS = HOUR;

/** How much accepted mail the next hop has not taken yet, and since when. */
export const outboxCheck: Check<Pick<DoctorDeps, "database" | "clock">> = {
  name: "outbox",
  why: "What was accepted and has not left is tried again for a day; then its sender gets a bounce.",
  run: async ({ database, clock }) => {
    if (database.kind === "closed" || !database.isMigrated) {
      return [skip("mail that is to leave", "the database cannot be read (see database)")];
    }
    const { count, oldest } = await outboxFigures(database.store);
    if (oldest === undefined) return [ok("no accepted mail waits for the next hop")];
    const now = clock.now();
    const minutes = Math.max(0, Math.round((now.getTime() - oldest.getTime()) / MINUTE));
    const title = `${String(count)} copies wait for the next hop, the oldest for ${String(minutes)} minutes`;
    return after(oldest, LONG_MS) > now
      ? [ok(title)]
      : [
          warn(
            title,
            "See what the next hop says: the log of the gateway, `sealpost trace ID`, and the log of the mail server at [relay].",
          ),
        ];
  },
};
