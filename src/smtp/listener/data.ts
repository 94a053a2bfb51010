/**
 * DATA: a message comes within its limits, is given to its handler, and is answered: once, or with LMTP once for each
 * recipient.
 */
import type { SMTPServerDataStream } from "smtp-server";

import { Given } from "../../base/given.ts";
import type { Envelope } from "../../mail/envelope.ts";
import { checkLineEndsInSlices } from "../../mail/mail.ts";
import { errorReply, isAccepted, oneReply, Refusal, reply, type Reply } from "../smtp.ts";
import type { DataOutcome } from "./answered.ts";
import type { Budget, Share } from "./budget.ts";
import { collect, type Collected } from "./collect.ts";
import type { Connection } from "./connection.ts";
import type { Client, Handlers, ListenerLimits, ListenerMode } from "./handlers.ts";
import { Pace } from "./pace.ts";
import { tooLarge } from "./parameters.ts";

export type DataDeps<Login extends object> = {
  readonly handlers: Handlers<Login>;
  readonly limits: ListenerLimits;
  readonly budget: Budget;
  readonly mode: ListenerMode;
};

/** The transaction that DATA ends. */
export type Transaction<Login extends object> = {
  /** @throws Refusal when the client has gone: nobody hears a 250, so nothing is taken. */
  readonly client: () => Client<Login>;
  readonly connection: Connection;
  readonly envelope: Envelope;
  /** Sends the client away whose message takes too long. */
  readonly hangUp: () => void;
};

/** The answer to DATA. @throws Refusal when it is a refusal, except with LMTP, whose list holds refusals. */
export async function answerData<Login extends object>(
  deps: DataDeps<Login>,
  transaction: Transaction<Login>,
  stream: SMTPServerDataStream,
): Promise<DataOutcome> {
  const { connection, envelope } = transaction;
  using room = deps.budget.share(connection.network);
  const came = await messageFrom(stream, deps.limits, room, transaction.hangUp);
  connection.sizeBytes = came.sizeBytes;
  const replies =
    came.message instanceof Given
      ? await decided(deps.handlers, transaction, came.message)
      : [came.message];
  if (deps.mode !== "lmtp") return textOf(oneReply(replies));
  // RFC 2033 §4.2: as many replies as accepted RCPTs; smtp-server alone would forget repeated ones.
  const [first = errorReply(undefined)] = replies;
  return envelope.recipients.map((_recipient, index) => {
    const given = (replies.length === 1 ? first : replies[index]) ?? errorReply(undefined);
    return isAccepted(given) ? textOf(given) : Refusal.of(given);
  });
}

/** The message and its size, or why it is none. */
type Came = { readonly message: Given<Uint8Array> | Reply; readonly sizeBytes: number };

/** Refused unread: what others may take for two messages (RFC 5321 §2.3.8). */
async function messageFrom(
  stream: SMTPServerDataStream,
  limits: ListenerLimits,
  room: Share,
  hangUp: () => void,
): Promise<Came> {
  const { messageBytes } = limits;
  using pace = new Pace(limits);
  pace.signal.addEventListener("abort", hangUp);
  const collected = await collect(stream, messageBytes, pace, room);
  pace.signal.removeEventListener("abort", hangUp);
  if (collected.kind !== "whole") {
    return { message: whyNone(collected.kind, messageBytes), sizeBytes: 0 };
  }
  const { bytes } = collected;
  return (await checkLineEndsInSlices(bytes)) === "ok"
    ? { message: new Given(bytes), sizeBytes: bytes.length }
    : { message: UNSAFE_LINE_ENDS, sizeBytes: 0 };
}

const UNSAFE_LINE_ENDS = reply(
  "550",
  "5.6.0",
  "bare CR, bare LF or NUL in the message; not accepted",
);

function whyNone(kind: Exclude<Collected["kind"], "whole">, messageBytes: number): Reply {
  switch (kind) {
    case "broken":
      return reply("451", "4.4.2", "the message did not come in full");
    case "too-large":
      return tooLarge(messageBytes);
    case "no-room":
      return reply("452", "4.3.1", "too much mail at once; try again later");
  }
}

async function decided<Login extends object>(
  handlers: Handlers<Login>,
  { client, envelope }: Transaction<Login>,
  message: Given<Uint8Array>,
): Promise<readonly Reply[]> {
  try {
    const answer = await handlers.data(client(), envelope, message);
    return isList(answer) ? answer : [answer];
  } catch (error) {
    handlers.failed?.(error);
    return [errorReply(error)];
  }
}

/** smtp-server writes the 250 itself. */
function textOf(given: Reply): string {
  if (!isAccepted(given)) throw Refusal.of(given);
  return `${given.enhanced} ${given.text}`;
}

function isList(answer: Reply | readonly Reply[]): answer is readonly Reply[] {
  return Array.isArray(answer);
}
