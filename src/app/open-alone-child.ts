/** The process behind `open-alone.ts`. It opens one message, prints the result and ends. */
import { errorText } from "../base/errors.ts";
import { open } from "../pgpmime/pgpmime.ts";
import { keysIn } from "./key-copies.ts";
import type { AloneJob, AloneReport } from "./open-alone.ts";

process.once("message", (job: AloneJob) => {
  void reportOn(job).then((report) => {
    say(report, () => process.disconnect());
  });
});

async function reportOn({ message, keys }: AloneJob): Promise<AloneReport> {
  try {
    using held = new DisposableStack();
    const unlocked = await keysIn(keys, held);
    await new Promise<void>((resolve) => {
      say({ kind: "begun" }, resolve);
    });
    return { kind: "opened", opened: await open({ message, keys: unlocked }) };
  } catch (error) {
    return { kind: "failed", reason: errorText(error) };
  }
}

function say(report: AloneReport, then: () => void): void {
  process.send?.(report, undefined, {}, then);
}
