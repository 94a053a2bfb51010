/** Wires the digest: the task that tells users of their mail that left in clear. */
import { HOUR } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { Task } from "../jobs/tasks.ts";
import { sendDigests, type DigestDeps } from "../outgoing/digest/send-digests.ts";
import type { Events } from "./events.ts";
import type { OutboundRelay } from "./outgoing.ts";

const NAME = "send digests";

/** To be done once for an installation. A day is over at midnight, UTC: hourly, so that nobody waits long for the mail about it. */
export function digestTask({
  current,
  events,
  out,
}: {
  /** The configuration as it is now. */
  readonly current: () => Pick<Config, "notices" | "submission">;
  readonly events: Pick<Events, "failed">;
  /** What the mail leaves through. */
  readonly out: Pick<OutboundRelay, "sendSoon"> & {
    readonly deps: Pick<DigestDeps, "store" | "clock" | "hostname" | "language" | "wrap">;
  };
}): Task {
  const run = async (): Promise<void> => {
    const { store, clock, hostname, language, wrap } = out.deps;
    const { notices, submission } = current();
    const mails = await sendDigests({
      store,
      clock,
      hostname,
      language,
      wrap,
      isDefault: notices.digest,
      hasCopies: submission.sentCopies,
      failed: (error) => {
        events.failed(NAME, error);
      },
    });
    if (mails > 0) out.sendSoon();
  };
  return { name: NAME, everyMs: HOUR, run };
}
