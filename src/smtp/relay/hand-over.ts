/** One message to one next hop, in a new session or in one that an earlier message left open. */
import type { Envelope } from "../../mail/envelope.ts";
import type { Outcome, RelayResult } from "./hop.ts";
import type { IdleSessions } from "./idle-sessions.ts";
import { needsOf, obstacleFor } from "./obstacle.ts";
import { openSession, type Session, type SessionOptions } from "./session.ts";
import { announce, type Announced, sendMessage, type Transaction } from "./transaction.ts";

type Context = SessionOptions & { readonly idle: IdleSessions };

/** @throws AppError when the hop does not answer, or not in time. */
export async function handOver(
  context: Context,
  envelope: Envelope,
  message: Uint8Array,
): Promise<RelayResult> {
  const { hop, timeouts, idle, signal } = context;
  const wanted = { hop, timeouts, envelope, message, needs: needsOf(envelope, message) };
  for (let kept = idle.take(hop, signal); kept !== undefined; kept = idle.take(hop, signal)) {
    const result = await transactAgain(idle, { ...wanted, session: kept });
    if (result !== undefined) return result;
  }
  const session = await openSession(context);
  if (!("client" in session)) return sameFor(envelope, session);
  return transact(idle, { ...wanted, session });
}

async function transact(idle: IdleSessions, transaction: Transaction): Promise<RelayResult> {
  using ending = endingOf(transaction.session);
  const obstacle = obstacleOf(transaction);
  if (obstacle !== undefined) return sameFor(transaction.envelope, obstacle);
  return await finish(idle, transaction, await announce(transaction), ending);
}

/**
 * As `transact`, in a session that was kept. Undefined where the hop has ended it meanwhile or takes no more mail in it: the
 * hop has taken nothing then, so that the message is handed over in another session.
 */
async function transactAgain(
  idle: IdleSessions,
  transaction: Transaction,
): Promise<RelayResult | undefined> {
  using ending = endingOf(transaction.session);
  const obstacle = obstacleOf(transaction);
  if (obstacle !== undefined) return sameFor(transaction.envelope, obstacle);
  let announced: Announced;
  try {
    announced = await announce(transaction);
  } catch {
    return undefined;
  }
  // A refusal may be of the session (too many messages), not of the message: a new session tells.
  if (announced[0]?.code !== 250) return undefined;
  return await finish(idle, transaction, announced, ending);
}

type Ending = Disposable & { isKept: boolean };

/** Ends a session when it goes out of scope, unless it is kept. */
function endingOf({ client }: Session): Ending {
  return {
    isKept: false,
    [Symbol.dispose]() {
      if (this.isKept) return;
      client.quit();
      client[Symbol.dispose]();
    },
  };
}

async function finish(
  idle: IdleSessions,
  transaction: Transaction,
  announced: Announced,
  ending: Ending,
): Promise<RelayResult> {
  const { result, isOver } = await sendMessage(transaction, announced);
  const { hop, session } = transaction;
  if (isOver) ending.isKept = idle.keep(hop, session);
  return result;
}

function obstacleOf({ envelope, message, needs, session }: Transaction): Outcome | undefined {
  const { client, extensions } = session;
  return obstacleFor(envelope, message, needs, { extensions, isTls: client.isTls });
}

function sameFor({ recipients }: Envelope, outcome: Outcome): RelayResult {
  return { recipients: recipients.map((address) => ({ address, outcome })) };
}
