/**
 * The alarm on revocations without the user. A generic revocation needs no key of its owner. With `provider-usable` keys a
 * fresh revocation also needs no user. Anyone who controls the service key, or makes us use it, could therefore end every
 * key. Each release is counted, in the audit log itself and under one lock: processes and commands that
 * share the database share the count, and none stays below it by itself.
 *
 * Beyond a first number there is an alarm. At a second, higher one the releases stop (fail-closed): a wrong list of accounts
 * to close, or somebody who is in, ends so many keys and no more. Both stand until an operator who has looked says so
 * (`allowReleases`). Users' own acts are never stopped: their revocation is made with the key that they opened. Where
 * the generic revocation has to take its place, it only counts, once for each account and day.
 */
import { AppError } from "../base/errors.ts";
import { after, DAY, HOUR } from "../base/time.ts";
import { appendAudit } from "../journal/journal.ts";
import type { Fingerprint } from "../openpgp/packets/fingerprint.ts";
import { countActions, lastAction, selectActions } from "../store/journal/audit-actions.ts";
import { holdAuditEnd } from "../store/journal/audit-ends.ts";
import type { Store } from "../store/store.ts";
import type { ReleaseLimits, VaultDeps } from "../vault/vault-deps.ts";
import type { AccountId } from "../words/account.ts";

const RELEASED = "revocation.released";
/** By a user himself, who was counted today. */
const REPEATED = "revocation.released-again";
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

/** Releases are stopped. What was undone with it may be what stopped them: `keepStop` writes it down for good. */
export class ReleasesStopped extends AppError {
  override readonly name = "ReleasesStopped";
  readonly alarm: ReleaseAlarm;

  constructor(alarm: ReleaseAlarm) {
    super(
      "revoking keys without their users is stopped, because many were revoked so within a day. Look who did it " +
        "(sealpost audit list) and why; if it was meant: sealpost key revocations --go-on",
      { temporary: false },
    );
    this.alarm = alarm;
  }
}

/**
 * Writes into the audit log that a revocation is released: the generic one, or a fresh one made without the user. Where
 * it is one too many, the alarm is written as well. In the caller's transaction.
 * @throws ReleasesStopped unless it is the user's own act.
 */
export async function recordRelease(
  { clock, releaseLimits: limits }: VaultDeps,
  tx: Store,
  release: {
    readonly account: AccountId;
    readonly fingerprint: Fingerprint;
    /** `none`: the revocation is lost with the service key, and the certificate is served no longer. */
    readonly by: "generic" | "fresh" | "none";
    /** The users opened their keys themselves. */
    readonly isOwnAct: boolean;
  },
): Promise<void> {
  const { account, fingerprint, by, isOwnAct } = release;
  const at = clock.now();
  // First, the lock: whoever releases at the same time counts behind this one. The account's shard stands before it.
  await holdAuditEnd(tx, account);
  await holdReleases(tx);
  // Nobody raises the number that stops the others by doing the same again and again.
  const isAgain = isOwnAct && (await isCounted(tx, account, at));
  const action = isAgain ? REPEATED : RELEASED;
  await appendAudit(tx, { at, action, account, detail: { fingerprint, by } });
  if (limits === undefined || isAgain) return;
  const standing = await standingAlarms(tx);
  const stop = standing.find(({ kind }) => kind === "stopped");
  if (!isOwnAct && limits.stopPerDay > 0 && stop !== undefined) throw new ReleasesStopped(stop);
  await raiseAlarms(tx, limits, standing, at);
}

async function raiseAlarms(
  tx: Store,
  limits: ReleaseLimits,
  standing: readonly ReleaseAlarm[],
  at: Date,
): Promise<void> {
  const counts = await countReleases(tx, at);
  for (const { kind, within, limit, isPassed } of rulesFor(limits, counts)) {
    const since = after(at, within === "hour" ? -HOUR : -DAY);
    const isWritten = standing.some(
      (one) => one.kind === kind && one.within === within && (kind === "stopped" || one.at > since),
    );
    if (!isPassed || isWritten) continue;
    const raised = kind === "alarm" ? ALARM : STOPPED;
    await appendAudit(tx, {
      at,
      action: raised,
      detail: { within, released: counts[within], limit },
    });
  }
}

/** Keeps everybody else from releasing until the transaction ends: alarms are entries without an account. */
async function holdReleases(tx: Store): Promise<void> {
  await holdAuditEnd(tx, "");
}

async function isCounted(store: Store, account: AccountId, now: Date): Promise<boolean> {
  const from = { at: after(now, -DAY), afterSeq: 0, account };
  return (await countActions(store, RELEASED, from)) > 0;
}

/** Writes down a stop whose event was undone, unless one stands; to be used outside of a transaction. */
export async function keepStop(store: Store, { alarm }: ReleasesStopped): Promise<void> {
  await store.transaction(async (tx) => {
    await holdReleases(tx);
    if ((await standingAlarms(tx)).some(({ kind }) => kind === "stopped")) return;
    const { at, within, released, limit } = alarm;
    await appendAudit(tx, { at, action: STOPPED, detail: { within, released, limit } });
  });
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

/** An operator has looked: alarm and stop end, and the count restarts. */
export async function allowReleases({ store, clock }: VaultDeps): Promise<void> {
  await store.transaction(async (tx) => {
    await holdReleases(tx);
    const { day } = await countReleases(tx, clock.now());
    await appendAudit(tx, { at: clock.now(), action: GO_ON, detail: { released: day } });
  });
}
