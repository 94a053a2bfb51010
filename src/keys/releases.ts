/**
 * The alarm on generic revocations. A generic revocation needs no key of its owner: whoever can use the service key, or
 * makes us use it, could end everybody's keys with them. So each release is counted, in the audit log itself and under
 * its lock: processes and commands that share the database share the count, and none stays below it by itself.
 *
 * Beyond a first number there is an alarm. At a second, higher one the releases stop (fail-closed): a wrong list of accounts
 * to close, or somebody who is in, ends so many keys and no more. Both stand until an operator who has looked says so
 * (`allowReleases`). What a user does with open keys is never stopped: his revocation is made with the key itself, and where
 * that cannot be and the generic one takes its place, it only counts.
 */
import { AppError } from "../base/errors.ts";
import { after, DAY, HOUR } from "../base/time.ts";
import { appendAudit } from "../journal/audit.ts";
import type { EmailAddress } from "../mail/address.ts";
import type { Fingerprint } from "../openpgp/fingerprint.ts";
import { countActions, lastAction, selectActions } from "../store/audit-actions.ts";
import type { Store } from "../store/store.ts";
import type { ReleaseLimits, VaultDeps } from "./vault-deps.ts";

const RELEASED = "revocation.released";
const ALARM = "revocation.alarm";
const STOPPED = "revocation.stopped";
const GO_ON = "revocation.go-on";

/** An alarm that stands, or the stop: how many were released within what, and which number that passed. */
export type ReleaseAlarm = {
  readonly seq: number;
  readonly at: Date;
  readonly kind: "alarm" | "stopped";
  readonly within: "hour" | "day";
  readonly released: number;
  readonly limit: number;
};

type Rule = Pick<ReleaseAlarm, "kind" | "within" | "limit"> & { readonly isPassed: boolean };

/**
 * Writes that a generic revocation is released, and the alarm where it is one too many. In the caller's transaction.
 * @throws AppError when releases are stopped, unless the keys of the user are open.
 */
export async function recordRelease(
  { clock, releaseLimits: limits }: VaultDeps,
  tx: Store,
  release: {
    readonly account: EmailAddress;
    readonly fingerprint: Fingerprint;
    readonly areKeysOpen: boolean;
  },
): Promise<void> {
  const { account, fingerprint, areKeysOpen } = release;
  const at = clock.now();
  // First, because it takes the lock: whoever releases at the same time counts behind this one.
  await appendAudit(tx, { at, action: RELEASED, account, detail: { fingerprint } });
  if (limits === undefined) return;
  const standing = await standingAlarms(tx);
  if (!areKeysOpen && limits.stopPerDay > 0 && standing.some(({ kind }) => kind === "stopped")) {
    throw new AppError(
      "the release of generic revocations is stopped, because many were released within a day. Look who did it " +
        "(sealpost audit list) and why; if it was meant: sealpost key revocations --go-on",
      { temporary: false },
    );
  }
  const counts = await countReleases(tx, at);
  for (const { kind, within, limit, isPassed } of rulesFor(limits, counts)) {
    const since = after(at, within === "hour" ? -HOUR : -DAY);
    const isWritten = standing.some(
      (one) => one.kind === kind && one.within === within && (kind === "stopped" || one.at > since),
    );
    if (!isPassed || isWritten) continue;
    const action = kind === "alarm" ? ALARM : STOPPED;
    await appendAudit(tx, { at, action, detail: { within, released: counts[within], limit } });
  }
}

function rulesFor(limits: ReleaseLimits, { hour, day }: ReleaseCounts): readonly Rule[] {
  const { alarmPerHour, alarmPerDay, stopPerDay } = limits;
  return [
    { kind: "alarm", within: "hour", limit: alarmPerHour, isPassed: hour > alarmPerHour },
    { kind: "alarm", within: "day", limit: alarmPerDay, isPassed: day > alarmPerDay },
    {
      kind: "stopped",
      within: "day",
      limit: stopPerDay,
      isPassed: stopPerDay > 0 && day >= stopPerDay,
    },
  ];
}

/** How many were released since then, or since an operator last said to go on. */
export type ReleaseCounts = { readonly hour: number; readonly day: number };

export async function countReleases(store: Store, now: Date): Promise<ReleaseCounts> {
  const afterSeq = await lastAction(store, GO_ON);
  const since = async (at: Date): Promise<number> =>
    countActions(store, RELEASED, { at, afterSeq });
  return { hour: await since(after(now, -HOUR)), day: await since(after(now, -DAY)) };
}

/** The alarms that nobody has ended, the oldest first; of those behind a place in the audit log. */
export async function standingAlarms(store: Store, afterSeq = 0): Promise<readonly ReleaseAlarm[]> {
  const ended = await lastAction(store, GO_ON);
  const rows = await selectActions(store, [ALARM, STOPPED], Math.max(ended, afterSeq));
  return rows.map(({ seq, at, action, detail }) => {
    const { within, released, limit } = JSON.parse(detail) as Omit<ReleaseAlarm, "seq" | "at">;
    return { seq, at, kind: action === ALARM ? "alarm" : "stopped", within, released, limit };
  });
}

/** An operator has looked: alarm and stop end, and the count begins anew. */
export async function allowReleases({ store, clock }: VaultDeps): Promise<void> {
  await store.transaction(async (tx) => {
    const { day } = await countReleases(tx, clock.now());
    await appendAudit(tx, { at: clock.now(), action: GO_ON, detail: { released: day } });
  });
}
