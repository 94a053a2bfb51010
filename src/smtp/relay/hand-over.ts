/** One message to one next hop, in a new session or in one that an earlier message left open. */
import type { Envelope } from "../../mail/envelope.ts";
import { ownerOf } from "./forward.ts";
import type { Outcome, RelayResult } from "./hop.ts";
import type { IdleSessions } from "./idle-sessions.ts";
import { needsOf, obstacleFor } from "./obstacle.ts";
import { openSession, type Session, type SessionOptions } from "./session.ts";
import { announce, type Announced, forward, sendMessage, type Transaction } from "./transaction.ts";

type Context = SessionOptions & { readonly idle: IdleSessions };

/** @throws AppError when the hop does not answer, or not in time. */
export async function handOver(
  context: Context,
  envelope: Envelope,
  message: Uint8Array,
): Promise<RelayResult> {
  const { hop, timeouts, idle, submitter, signal } = context;
  const needs = needsOf(envelope, message);
  const wanted = { hop, timeouts, submitter, envelope, message, needs };
  for (;;) {
    const kept = idle.take(hop, ownerOf(hop, submitter), signal);
    const session = kept ?? (await openSession(context));
    if (!("client" in session)) return sameFor(envelope, session);
    const announcing = kept === undefined ? announceFirst : announceAgain;
    const result = await transact(idle, { ...wanted, session }, announcing);
    if (result !== undefined) return result;
  }
}

/** Undefined where `announcing` gives nothing: the hop has taken nothing then, and another session is to be used. */
async function transact(
  idle: IdleSessions,
  transaction: Transaction,
  announcing: (transaction: Transaction) => Promise<Announced | undefined>,
): Promise<RelayResult | undefined> {
  using ending = endingOf(transaction.session);
  const obstacle = obstacleOf(transaction);
  if (obstacle !== undefined) return sameFor(transaction.envelope, obstacle);
  const announced = await announcing(transaction);
  if (announced === undefined) return undefined;
  const { result, isOver } = await sendMessage(transaction, announced);
  const { hop, submitter, session } = transaction;
  if (isOver) ending.isKept = idle.keep(hop, ownerOf(hop, submitter), session);
  return result;
}

/** As `announce`. A hop that does not take the name of the client is sent the message all the same: it has it from us. */
async function announceFirst(transaction: Transaction): Promise<Announced> {
  await forward(transaction);
  return announce(transaction);
}

/** As `announce`, in a session that was kept. Undefined where the hop has ended it meanwhile or takes no more mail in it. */
async function announceAgain(transaction: Transaction): Promise<Announced | undefined> {
  try {
    // The client of an earlier message might still be named.
    if (!(await forward(transaction))) return undefined;
    const announced = await announce(transaction);
    // A refusal may be of the session (too many messages), not of the message: a new session tells.
    return announced[0]?.code === 250 ? announced : undefined;
  } catch {
    return undefined;
  }
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

function obstacleOf({ envelope, message, needs, session }: Transaction): Outcome | undefined {
  const { client, extensions } = session;
  return obstacleFor(envelope, message, needs, { extensions, isTls: client.isTls });
}

function sameFor({ recipients }: Envelope, outcome: Outcome): RelayResult {
  return { recipients: recipients.map((address) => ({ address, outcome })) };
}
