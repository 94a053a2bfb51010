/** What becomes of a deferred message when its turn comes. `deferral.ts` says what the steps are. */
import { AppError } from "../../base/errors.ts";
import { Gate } from "../../base/gate.ts";
import type { Discover } from "../../discovery/outcome.ts";
import { TRY_MS, workDue } from "../../jobs/jobs.ts";
import type { Envelope } from "../../mail/envelope.ts";
import type { Failure } from "../../notices/bounce.ts";
import { policyTowards } from "../../policy/contact-rules.ts";
import { policyInForce, stricterOf } from "../../policy/policy.ts";
import type { HeldJob } from "../../store/jobs/jobs.ts";
import { readDeferred, type DeferredEntry } from "../../store/mail/deferred.ts";
import type { Copy } from "../copy.ts";
import { demandBy } from "../demand.ts";
import { conflictText, unsentText } from "../lack.ts";
import { planFor } from "../plan.ts";
import { withReceived } from "../received.ts";
import { automaticPolicy, lookUpAll } from "../recipients.ts";
import type { TraceOutgoing } from "../tracing.ts";
import type { Keeping } from "./deferral.ts";
import { encryptCopies, type EncryptMessage } from "./encrypt-copies.ts";
import {
  bounceBecause,
  bounceLost,
  endTrouble,
  sendCopies,
  waitOn,
  type Held,
  type Limits,
} from "./endings.ts";
import type { Telling } from "./news.ts";
import { orderFrom, PART, type Order } from "./order.ts";
import { readPart } from "./parts.ts";
import type { RetryOutcome } from "./retry-outcome.ts";
import type { SignerNow } from "./signer-now.ts";

export type RetryDeps = Keeping &
  Telling & {
    readonly discover: Discover;
    readonly encrypt: EncryptMessage;
    /** What holds for the sender now (`signer-now.ts`). */
    readonly signerNow: (order: Order) => Promise<SignerNow | undefined>;
    readonly trace: Pick<TraceOutgoing, "retried">;
    readonly limits: Limits;
    /** Whether a message may leave sealed for some of its recipients and in clear for others. */
    readonly isSplit: boolean;
    /** Told when copies or a bounce were kept for the next hop. */
    readonly sendSoon: () => void;
  };

/**
 * Tries every deferred message that is due, once. To be called every minute. Once `ending` is aborted no further message is
 * taken.
 * @throws AggregateError after all others were tried, when messages could not be worked on; they stay.
 */
export async function retryDue(deps: RetryDeps, ending?: AbortSignal): Promise<void> {
  const turns = new Gate({ inAll: 1, forKey: LANES, waiting: LANES });
  const work = async (job: HeldJob): Promise<void> => retry(deps, job, turns);
  await workDue(deps, "deferred", work, { ending, lanes: LANES });
}

/**
 * How many messages are looked up for at once: whoever answers slowly holds up few others. Their octets are read and sealed one
 * message after the other, because sixteen large ones would not fit into memory.
 */
const LANES = 16;

async function retry(deps: RetryDeps, job: HeldJob, turns: Gate): Promise<void> {
  const row = await readDeferred(deps.store, job.subject);
  // It was erased meanwhile.
  if (row === undefined) return;
  try {
    await tryAgain(deps, job, row, turns);
  } catch (error) {
    await endTrouble(deps, { job, row });
    throw error;
  }
}

async function tryAgain(
  deps: RetryDeps,
  job: HeldJob,
  row: DeferredEntry,
  turns: Gate,
): Promise<void> {
  const order = orderFrom(await readPart(deps, PART.order(row.id)));
  const signal = AbortSignal.timeout(TRY_MS);
  const held = { job, row, order };
  const first = await outcomeOf(deps, order, signal);
  if (first.kind === "planned" && first.plan.kind === "later") return end(deps, held, first);
  // A key or a stricter policy may have come while it waited for its turn.
  const turn = async (): Promise<true> => {
    await end(deps, held, await outcomeOf(deps, order, signal));
    return true;
  };
  if ((await turns.pass(row.id, signal, turn)) !== true) {
    throw new AppError("a deferred message had no turn in time", { temporary: true });
  }
}

async function end(deps: RetryDeps, held: Held, outcome: RetryOutcome): Promise<void> {
  const { messageId, sender } = held.row;
  deps.trace.retried({ messageId, sender, ...outcome });
  switch (outcome.kind) {
    case "account-changed":
    case "key-ended":
    case "not-enabled":
      return bounceLost(deps, held, outcome.kind);
    case "planned":
      return follow(deps, held, outcome);
  }
}

/** Looks everything up again, and decides again: never more leniently than when the message was accepted. */
async function outcomeOf(
  deps: Pick<RetryDeps, "signerNow" | "discover" | "isSplit">,
  order: Order,
  signal: AbortSignal,
): Promise<RetryOutcome> {
  const signer = await deps.signerNow(order);
  if (signer === undefined) return { kind: "account-changed" };
  if (signer.part !== "full") return { kind: "not-enabled" };
  const { recipients: addresses } = order.envelope;
  const policies = addresses.map((address, index) => {
    const agreed = order.policies[index] ?? "require";
    const policy = policyTowards(signer.policies, address, order.author.domain);
    const now = order.isAutomatic ? automaticPolicy(policy) : policy;
    return order.demand === undefined ? stricterOf(agreed, now) : "require";
  });
  const recipients = await lookUpAll(deps.discover, addresses, policies, signal);
  const isSplit = deps.isSplit && order.isSplit && order.demand === undefined;
  const plan = planFor(recipients, { isSplit });
  const isSealed = plan.kind === "seal" || plan.kind === "split";
  if (isSealed && !signer.isKeyGood) return { kind: "key-ended" };
  const policy = stricterOf(order.policy, policyInForce(signer.policies.levels));
  return { kind: "planned", recipients, plan, demand: demandBy({ policy }, order.demand) };
}

async function follow(
  deps: RetryDeps,
  held: Held,
  { plan, demand }: Pick<Extract<RetryOutcome, { kind: "planned" }>, "plan" | "demand">,
): Promise<void> {
  const { row, order } = held;
  switch (plan.kind) {
    case "seal":
    case "split": {
      const { recipients: found } = plan;
      const sealed = await encryptCopies(deps, row.id, order, found);
      if (plan.kind === "seal")
        return sendCopies(deps, held, sealed, { how: "sealed", looked: found });
      const envelope = { ...order.envelope, recipients: plan.clear };
      const all = [...sealed, await originalCopy(deps, row, envelope)];
      return sendCopies(deps, held, all, { how: "split", looked: [...found, ...plan.unsupported] });
    }
    case "clear": {
      const copies = [await originalCopy(deps, row, order.envelope)];
      const looked = [...plan.found, ...plan.unsupported];
      return sendCopies(deps, held, copies, { how: "clear", looked });
    }
    case "conflict": {
      const { sealed: recipient } = plan;
      const reason: Failure["reason"] = (language) => conflictText(plan, language);
      return bounceBecause(deps, held, { recipient, status: "5.7.5", reason }, []);
    }
    case "refuse": {
      const { because } = plan;
      const reason: Failure["reason"] = (language) => unsentText({ because, demand }, language);
      const { address: recipient } = because;
      return bounceBecause(deps, held, { recipient, status: "5.7.5", reason }, [because]);
    }
    case "later":
      return waitOn(deps, held, plan.because);
  }
}

async function originalCopy(
  deps: RetryDeps,
  row: DeferredEntry,
  envelope: Envelope,
): Promise<Copy> {
  const message = await readPart(deps, PART.original(row.id));
  return withReceived(deps, { envelope, message });
}
