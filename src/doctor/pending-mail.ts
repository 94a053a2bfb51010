import { formatAddress } from "../mail/address.ts";
import { primaryAddress } from "../store/accounts/addresses.ts";
import { countStuck } from "../store/spool/openings.ts";
import { listSpoolUse } from "../store/spool/spool-use.ts";
import type { Store } from "../store/store.ts";
import { type Judgement, ok, skip, warn } from "./finding.ts";
import type { Check, DoctorDeps } from "./visit.ts";

const NEARLY_FULL = 0.8;
const MAX_NAMED = 5;

/** How much received mail waits to be opened or judged, and who will soon get no more. */
export const pendingMail: Check<DoctorDeps> = {
  name: "pending",
  why: "Sealed mail for a locked account waits until its reader logs in. Once it fills what one account may have waiting, more is answered 452 and comes late or not at all.",
  run: async ({ database, pendingBytes }) => {
    if (database.kind === "closed" || !database.isMigrated)
      return [skip("mail that waits", "the database cannot be read (see database)")];
    const { store } = database;
    const waiting = await listSpoolUse(store);
    const full: string[] = [];
    for (const { account, bytes } of waiting) {
      if (bytes <= NEARLY_FULL * pendingBytes) continue;
      full.push(formatAddress(await primaryAddress(store, account)));
    }
    const count = waiting.reduce((sum, one) => sum + one.messages, 0);
    const figure = `${count} messages for ${waiting.length} accounts wait for their reader's key or their sender's keyserver`;
    return [...(await judgeStuck(store)), judge(figure, full)];
  },
};

async function judgeStuck(store: Store): Promise<readonly Judgement[]> {
  const count = await countStuck(store);
  if (count === 0) return [];
  return [
    warn(
      `${count} messages could not be opened, and are tried again ever more rarely (opening.alarm in the log)`,
      "See why the gateway ended or was slow, then run: sealpost mail retry ADDRESS",
    ),
  ];
}

function judge(figure: string, full: readonly string[]): Judgement {
  if (full.length === 0) return ok(figure);
  const more = full.length > MAX_NAMED ? " and others" : "";
  return warn(
    `${figure}; there is hardly room for more of ${full.slice(0, MAX_NAMED).join(", ")}${more}`,
    "Ask them to log in once, which opens what waits; or raise limits.pending_bytes.",
  );
}
