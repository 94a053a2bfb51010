/** Wires deferral: what keeps a message whose recipients are not certain, and the task that tries it again. */
import { HOUR, SECOND, type Clock } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { Task } from "../jobs/tasks.ts";
import { protectedName } from "../mailbox/embedded/protected-name.ts";
import type { MailboxOf } from "../mailbox/mailbox-of.ts";
import { defer, type DeferDeps } from "../outgoing/deferral/defer.ts";
import type { Telling } from "../outgoing/deferral/news.ts";
import { retryDue, type RetryDeps } from "../outgoing/deferral/retry.ts";
import { signerNow } from "../outgoing/deferral/signer-now.ts";
import { countInClear } from "../outgoing/digest/count-in-clear.ts";
import type { SubmitDeps } from "../outgoing/submit-deps.ts";
import { readAccount } from "../store/accounts/accounts.ts";
import type { Store } from "../store/store.ts";
import type { CryptoPool } from "./crypto-pool.ts";
import type { OutboundRelay } from "./outgoing.ts";

export type DeferralDeps = {
  readonly store: Store;
  readonly clock: Clock;
  /** The configuration as it is now. */
  readonly current: () => Pick<Config, "policy" | "submission" | "sealing" | "limits" | "notices">;
  readonly discover: SubmitDeps["discover"];
  readonly pool: Pick<CryptoPool, "encrypt">;
  readonly out: Pick<OutboundRelay, "deps" | "parts" | "sendSoon">;
  readonly mailboxOf: MailboxOf;
};

/** What submission calls, to keep a message for later. */
export function deferring(
  deps: Pick<DeferralDeps, "store" | "clock" | "current"> & {
    readonly pool: Pick<CryptoPool, "sign">;
    readonly out: Pick<OutboundRelay, "parts">;
  },
): NonNullable<SubmitDeps["defer"]> {
  const { store, clock, current, pool, out } = deps;
  const { sealing, limits } = current();
  const { legacyDisplay } = sealing;
  const keeping = { store, clock, parts: out.parts, sign: pool.sign, legacyDisplay };
  return async (request) => defer({ ...keeping, limits: limitsIn(limits) }, request);
}

/** How often it is looked for what is due, so that the first try is hardly later than its minute. */
const LOOK_MS = 15 * SECOND;

/** Tries what is due. Each message is a job of its own, so that all processes do. Disposing begins no further message. */
export function deferralTask(deps: DeferralDeps): { readonly task: Task } & Disposable {
  const ending = new AbortController();
  const run = async (): Promise<void> => retryDue(retryDeps(deps), ending.signal);
  return {
    task: { name: "deferred", everyMs: LOOK_MS, run },
    [Symbol.dispose]: () => {
      ending.abort();
    },
  };
}

function retryDeps({
  store,
  clock,
  current,
  discover,
  pool,
  out,
  mailboxOf,
}: DeferralDeps): RetryDeps {
  const { hostname, language, wrap, trace } = out.deps;
  const { policy: settings, submission, notices } = current();
  const { deferHours, noticeHours } = submission;
  return {
    store,
    clock,
    hostname,
    language,
    wrap,
    parts: out.parts,
    trace,
    discover,
    encrypt: pool.encrypt,
    signerNow: async (order) => signerNow({ store, clock, settings }, order),
    isSplit: submission.split,
    limits: { bounceMs: deferHours * HOUR, noticeMs: noticeHours * HOUR },
    sendSoon: out.sendSoon,
    ...tellingIn({ store, clock, notices, mailboxOf }),
  };
}

/** Writes news of a sent message into its sender's mailbox. A copy that they have deleted has none. */
export function tellingIn({
  store,
  clock,
  notices,
  mailboxOf,
}: Pick<DeferralDeps, "store" | "clock" | "mailboxOf"> & Pick<Config, "notices">): Telling {
  const count = countInClear({ clock, isDefault: notices.digest });
  return {
    tellSender: async (owner, once, news) => {
      const prepared = await mailboxOf(store, owner).prepareNews(news);
      return async (tx) => {
        await mailboxOf(tx, owner).noteNews(once, prepared);
      };
    },
    protectedName: async (account, messageId) => {
      const note = await protectedName(store, account, messageId);
      return async (tx) => note(tx, clock.now());
    },
    countInClear: async (id, because) => {
      const read = because.length === 0 ? undefined : await readAccount(store, id);
      return read && count({ account: id, digest: read.account.digest }, because);
    },
  };
}

function limitsIn({ deferredBytes, deferredMessages }: Config["limits"]): DeferDeps["limits"] {
  return { bytes: deferredBytes, messages: deferredMessages };
}
