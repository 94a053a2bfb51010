/** Wires delivery: MX and LMTP answer through `incoming/deliver`; sealed mail of `provider-usable` accounts opens after. */
import { isServed, readerOf } from "../accounts/postmaster.ts";
import { HOUR, SECOND } from "../base/time.ts";
import { answerReader, deliver, type DeliverDeps } from "../incoming/incoming.ts";
import type { TraceIncoming } from "../incoming/tracing.ts";
import { roomFor } from "../mailbox/embedded.ts";
import type { Sender } from "../outgoing/outgoing.ts";
import type { Handlers } from "../smtp/listener/handlers.ts";
import { bodyFor, wrapFor } from "./at-rest.ts";
import { deliveryReply, readerReply } from "./delivery-replies.ts";
import { Opening } from "./opening.ts";
import type { Drain } from "./outgoing.ts";
import type { Parts } from "./parts.ts";
import type { Transactions } from "./transactions.ts";
import type { Task } from "./schedule.ts";

/** What the MX and LMTP listeners call; disposing waits for what is being opened. */
export type WayIn = AsyncDisposable & {
  readonly handlers: Handlers<Sender>;
  readonly tasks: readonly Task[];
  readonly drain: Drain;
};

/** How often it is looked whose author may be asked again. */
const SECOND_LOOKS_EVERY_MS = 30 * SECOND;

export function wayIn(parts: Parts, transactions: Transactions): WayIn {
  const { store, config } = parts;
  const opening = new Opening(parts);
  const deps: DeliverDeps = {
    store,
    clock: parts.clock,
    hostname: config.hostname,
    isOurs: (address) => isServed(config, address),
    findAccount: async (address) => readerOf(store, config, address),
    hasRoom: async (account, sizeBytes) =>
      (await roomFor(store, account.id, parts.config.limits, sizeBytes)) === "room",
    wrapFor: async (account, data) => wrapFor(parts, account, data),
    bodyFor: async (account, message) => bodyFor(parts, account, message),
    arrived: (account, message) => {
      opening.begin(account.id, message);
    },
    trace: parts.trace,
    failed: (error) => {
      parts.events.failed("delivery", error);
    },
    messageWork: parts.messageWork,
    isReader: parts.isReader,
    ...parts.online,
  };
  return {
    handlers: {
      rcpt: async (_client, { sizeBytes }, recipient) =>
        readerReply(await answerReader(deps, recipient, sizeBytes)),
      data: async ({ protocol, name, address, transaction }, envelope, message) => {
        const client = `${name} ([${address}])`;
        const trace = notingTrace(deps.trace, transactions, transaction);
        const arrival = { envelope, message: message.take(), received: { protocol, client } };
        const deliveries = await deliver({ ...deps, trace }, arrival);
        return deliveries.map(deliveryReply);
      },
    },
    tasks: [
      { name: "open what waits", everyMs: HOUR, run: async () => opening.askAgain() },
      {
        name: "ask about authors again",
        everyMs: SECOND_LOOKS_EVERY_MS,
        run: async () => opening.askDue(),
      },
    ],
    drain: (login) => {
      opening.drain(login);
    },
    [Symbol.asyncDispose]: () => opening.finish(),
  };
}

/** What became of a message stands in the line of its transaction; of several readers' verdicts the last. */
function notingTrace(
  trace: TraceIncoming,
  transactions: Transactions,
  name: string,
): TraceIncoming {
  return {
    ...trace,
    delivered: async (o) => {
      await trace.delivered(o);
      const { messageId, verdict } = o.message;
      transactions.note(name, { messageId, state: verdict.state });
    },
  };
}
