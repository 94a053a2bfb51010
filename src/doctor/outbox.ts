import { after, HOUR, MINUTE } from "../base/time.ts";
import { queueFigures, type QueueFigures } from "../store/mail/queue-figures.ts";
import { ok, skip, warn, type Judgement } from "./finding.ts";
import type { Check, DoctorDeps } from "./visit.ts";

/** How long mail may wait before doctor mentions it. */
const LONG_MS = HOUR;

/** How much accepted mail has not left yet, why, and since when. */
export const outboxCheck: Check<Pick<DoctorDeps, "database" | "clock">> = {
  name: "outbox",
  why: "What was accepted and has not left is tried again; after some time its sender gets a bounce.",
  run: async ({ database, clock }) => {
    if (database.kind === "closed" || !database.isMigrated) {
      return [skip("mail that is to leave", "the database cannot be read (see database)")];
    }
    const { store } = database;
    const now = clock.now();
    return [
      copiesFinding(await queueFigures(store, "outbox"), now),
      ...deferredFindings(await queueFigures(store, "deferred"), now),
    ];
  },
};

function copiesFinding({ count, oldest }: QueueFigures, now: Date): Judgement {
  if (oldest === undefined) return ok("no accepted mail waits for the next hop");
  const title = `${String(count)} copies wait for the next hop, the oldest for ${minutesSince(oldest, now)} minutes`;
  if (after(oldest, LONG_MS) > now) return ok(title);
  return warn(
    title,
    "See what the next hop says: the log of the gateway, `sealpost trace ID`, and the log of the mail server at [relay].",
  );
}

/** What waits for others' DNS and keyservers: one of them, or our own resolver, may be in trouble. */
function deferredFindings({ count, oldest }: QueueFigures, now: Date): readonly Judgement[] {
  if (oldest === undefined) return [];
  const title = `${String(count)} messages wait until their recipients are certain, the oldest for ${minutesSince(oldest, now)} minutes`;
  if (after(oldest, LONG_MS) > now) return [ok(title)];
  return [
    warn(
      title,
      "See for whom: `sealpost deferred list`. If it is many domains, look at our own resolver first; else at theirs: `sealpost recipient check ADDRESS`.",
    ),
  ];
}

function minutesSince(date: Date, now: Date): string {
  return String(Math.max(0, Math.round((now.getTime() - date.getTime()) / MINUTE)));
}
