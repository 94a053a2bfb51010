/**
 * Wires delivery: MX and LMTP answer by `deliver` (`incoming/incoming.ts`). Sealed mail of `provider-usable` accounts opens
 * afterwards.
 */
import { isServed, readerOf } from "../accounts/postmaster.ts";
import { HOUR, MINUTE, SECOND, type Clock } from "../base/time.ts";
import type { Config } from "../config/config.ts";
import type { AuthorDeps } from "../incoming/check-signature.ts";
import { answerReader, deliver, type DeliverDeps } from "../incoming/incoming.ts";
import type { TraceIncoming } from "../incoming/tracing.ts";
import { roomFor } from "../mailbox/room.ts";
import type { Handlers } from "../smtp/listener/handlers.ts";
import type { Store } from "../store/store.ts";
import { bodyFor, wrapFor } from "./at-rest.ts";
import { CatchingUp } from "./catching-up.ts";
import type { CryptoPool } from "./crypto-pool.ts";
import { deliveryReply, readerReply } from "./delivery-replies.ts";
import { Opening, type OpeningDeps } from "./opening.ts";
import type { Tasks } from "./schedule.ts";
import type { SubmissionLogin } from "./sender.ts";
import type { Drain } from "./submission.ts";
import type { Transactions } from "./transactions.ts";

/** What the MX and LMTP listeners call; disposing waits for what is being opened. */
export type DeliveryHandlers = AsyncDisposable & {
  readonly handlers: Handlers<SubmissionLogin>;
  readonly tasks: Tasks;
  /** At the start: what a crash left unopened is opened. */
  readonly resume: () => void;
  readonly drain: Drain;
};

/** How often it is looked whose author may be asked again. */
const SECOND_LOOKS_EVERY_MS = 30 * SECOND;

/** How often what came is prepared where the provider may open it; of others it is at their login. */
const PREPARE_EVERY_MS = 5 * MINUTE;

export type DeliveryWiring = {
  readonly store: Store;
  readonly clock: Clock;
  readonly config: Config;
  /** The limits of the configuration as it is now. */
  readonly limits: () => Config["limits"];
  readonly pool: Pick<CryptoPool, "messageWork" | "encryptAtRest">;
  /** What waiting mail is opened with, and how the author of arriving mail is asked about. */
  readonly opening: OpeningDeps;
  readonly online: AuthorDeps;
  readonly transactions: Pick<Transactions, "note">;
};

export function deliveryHandlers(wiring: DeliveryWiring): DeliveryHandlers {
  const { transactions } = wiring;
  const catchingUp = new CatchingUp(wiring.opening);
  const opening = new Opening({ ...wiring.opening, catchingUp });
  const { trace } = wiring.opening.pending;
  return {
    handlers: {
      rcpt: async (_client, { sizeBytes }, recipient) =>
        readerReply(
          await answerReader(
            deliverDepsOf(wiring, { opening, catchingUp }, trace),
            recipient,
            sizeBytes,
          ),
        ),
      data: async ({ protocol, name, address, transaction }, envelope, message) => {
        const client = `${name} ([${address}])`;
        const noting = notingTrace(trace, transactions, transaction);
        const arrival = { envelope, message: message.take(), received: { protocol, client } };
        const deliveries = await deliver(
          deliverDepsOf(wiring, { opening, catchingUp }, noting),
          arrival,
        );
        return deliveries.map(deliveryReply);
      },
    },
    tasks: {
      inEachProcess: [
        {
          name: "ask about authors again",
          everyMs: SECOND_LOOKS_EVERY_MS,
          run: async () => opening.askDue(),
        },
        {
          name: "prepare mailboxes",
          everyMs: PREPARE_EVERY_MS,
          run: async () => catchingUp.prepareNoted(),
        },
      ],
      once: [{ name: "open what waits", everyMs: HOUR, run: async () => opening.askAgain() }],
    },
    resume: () => {
      opening.resume();
    },
    drain: (login) => {
      opening.drain(login);
    },
    [Symbol.asyncDispose]: async () => {
      await opening.finish();
      await catchingUp.finish();
    },
  };
}

/** Who is told of mail once it is stored. */
type After = {
  readonly opening: Pick<Opening, "begin">;
  readonly catchingUp: Pick<CatchingUp, "note">;
};

/** What delivery works with. `trace` is that of one transaction. */
function deliverDepsOf(
  wiring: DeliveryWiring,
  { opening, catchingUp }: After,
  trace: TraceIncoming,
): DeliverDeps {
  const { store, clock, config, limits, online } = wiring;
  const { messageWork, encryptAtRest } = wiring.pool;
  const { events, pending } = wiring.opening;
  return {
    store,
    blobs: pending.blobs,
    clock,
    hostname: config.hostname,
    isOurs: (address) => isServed(config, address),
    findAccount: async (address) => readerOf(store, config, address),
    hasRoom: async (account, sizeBytes) =>
      (await roomFor(store, account.id, limits(), sizeBytes)) === "room",
    mailboxOf: pending.mailboxOf,
    wrapFor: async (account, data) => wrapFor({ store, clock, encryptAtRest }, account, data),
    bodyFor: async (account, message) => bodyFor({ store, clock, messageWork }, account, message),
    arrived: (account, message) => {
      opening.begin(account.id, message);
    },
    kept: (account) => {
      catchingUp.note(account.id);
    },
    trace,
    failed: (error) => {
      events.failed("delivery", error);
    },
    messageWork,
    isReader: pending.isReader,
    askAuthor: online.askAuthor,
    askAuthorKey: online.askAuthorKey,
    ...(online.certificateWork === undefined ? {} : { certificateWork: online.certificateWork }),
  };
}

/** What became of a message stands in the line of its transaction; of several readers' verdicts the last. */
function notingTrace(
  trace: TraceIncoming,
  transactions: Pick<Transactions, "note">,
  name: string,
): TraceIncoming {
  return {
    opened: trace.opened,
    delivered: async (o) => {
      await trace.delivered(o);
      const { messageId, verdict } = o.message;
      transactions.note(name, { messageId, state: verdict.state });
    },
  };
}
