/**
 * The digest: once a day a user whose mail left in clear is told how many messages and why, where they or the installation want
 * it. What is told is counted when a message leaves (`count-in-clear.ts`). The counts of a day go with the mail about them, in one
 * transaction: however many processes try, and wherever one is killed, a day is told once.
 */
import { DAY, fromUnixMs } from "../../base/time.ts";
import { digestNotice } from "../../notices/digest.ts";
import { holdAccount } from "../../store/accounts/account-locks.ts";
import { readAccount } from "../../store/accounts/accounts.ts";
import {
  ALL,
  listClearCounts,
  purgeClearCounts,
  takeClearCounts,
  type ClearCount,
  type CountPlace,
  type Days,
} from "../../store/mail/clear-counts.ts";
import type { Store } from "../../store/store.ts";
import type { AccountId } from "../../words/account.ts";
import { isDigestOn } from "../../words/digest.ts";
import { keepNotice, type OutboxDeps } from "../outbox.ts";
import { dayOf } from "./count-in-clear.ts";

export type DigestDeps = Pick<OutboxDeps, "store" | "clock" | "hostname" | "language" | "wrap"> & {
  /** Whether those get the digest who said nothing. */
  readonly isDefault: boolean;
  /** Whether copies of sent mail are kept, which say more. */
  readonly hasCopies: boolean;
  /** Told what kept one user's digest back: it is tried again the next time. */
  readonly failed: (error: unknown) => void;
};

/** How many days counts are kept that cannot be told. */
const KEPT_DAYS = 7;

const PAGE = 500;

/** Tells of every day that is over, whoever is to be told. To be called at least once a day. @returns how many mails wait to leave. */
export async function sendDigests(deps: DigestDeps): Promise<number> {
  const today = dayOf(deps.clock.now());
  let mails = 0;
  for await (const account of accountsWith(deps.store, { first: 0, last: today - 1 })) {
    try {
      if (await sendDigest(deps, account, today)) mails += 1;
    } catch (error) {
      deps.failed(error);
    }
  }
  // Only now, so that nothing untold goes because a clock jumped forward.
  await purgeClearCounts(deps.store, today - KEPT_DAYS);
  return mails;
}

/**
 * Days whose counts do not grow any more. A day that is to come was counted before the clock was set back, or by a host whose clock
 * is ahead. It is told together with a day that is over, or an hourly mail would tell each message that such a host counts.
 */
function daysOver(today: number): readonly Days[] {
  return [
    { first: 0, last: today - 1 },
    { first: today + 2, last: Number.MAX_SAFE_INTEGER },
  ];
}

/** The accounts with counts of some days, page after page; those that were told since are left out. */
async function* accountsWith(store: Store, days: Days): AsyncGenerator<AccountId> {
  const seen = new Set<AccountId>();
  let after: CountPlace | undefined;
  for (;;) {
    const page = await listClearCounts(store, days, { after, limit: PAGE });
    for (const { account } of page) {
      if (!seen.has(account)) yield account;
      seen.add(account);
    }
    after = page.at(-1);
    if (page.length < PAGE) return;
  }
}

/** False: there is nothing to tell, or nobody is to be told. */
async function sendDigest(deps: DigestDeps, account: AccountId, today: number): Promise<boolean> {
  const { clock, hostname, wrap, isDefault, hasCopies } = deps;
  return deps.store.transaction(async (tx) => {
    const state = await holdAccount(tx, account);
    const taken: ClearCount[] = [];
    for (const days of daysOver(today)) taken.push(...(await takeClearCounts(tx, account, days)));
    const counts = taken.filter((count) => isCount(count, today));
    // Where there are none any more another process tells of them.
    if (counts.length === 0 || state !== "open") return false;
    const read = await readAccount(tx, account);
    if (read === undefined || !isDigestOn(read.account.digest, isDefault)) return false;
    const { address: owner, language = deps.language() } = read.account;
    const now = clock.now();
    const digest = { ...summed(counts), hasCopies };
    const keeping = { store: tx, clock, hostname, wrap };
    await keepNotice(keeping, { account, address: owner }, (messageId) =>
      digestNotice({ hostname, owner, messageId, digest, language, now }),
    );
    return true;
  });
}

/** How far a clock may have been ahead, in days. */
const MAX_AHEAD = 400;

/** Whether a row can be a count of ours: one that was written by somebody else ends no digest. */
function isCount({ day, messages }: ClearCount, today: number): boolean {
  return day >= 0 && day <= today + MAX_AHEAD && Number.isSafeInteger(messages) && messages > 0;
}

/** The figures of some days together. */
function summed(counts: readonly ClearCount[]) {
  const byReason = new Map<string, number>();
  for (const { reason, messages } of counts) {
    byReason.set(reason, (byReason.get(reason) ?? 0) + messages);
  }
  const messages = byReason.get(ALL) ?? 0;
  byReason.delete(ALL);
  const days = counts.map(({ day }) => day);
  const first = fromUnixMs(Math.min(...days) * DAY);
  const last = fromUnixMs(Math.max(...days) * DAY);
  const because = [...byReason].toSorted(([a, m], [b, n]) => n - m || (a < b ? -1 : 1));
  return { messages, because, first, last };
}
