/** One mail transaction in a session: envelope, then data (RFC 5321 §3.3, RFC 2033 for LMTP). */
import { AppError } from "../../base/errors.ts";
import { formatAddress } from "../../mail/address.ts";
import type { Envelope } from "../../mail/envelope.ts";
import type { HopReply } from "./client.ts";
import { dotStuffed } from "./dot-stuffing.ts";
import { forwardCommands } from "./forward.ts";
import type { Hop, Outcome, RelayResult, RelayTimeouts, Submitter } from "./hop.ts";
import type { Needs } from "./obstacle.ts";
import { outcomeOf, refused } from "./outcome-of.ts";
import type { Session } from "./session.ts";
import { xtext } from "./xtext.ts";

/** What is handed over, and in which session. */
export type Transaction = {
  readonly session: Session;
  readonly hop: Hop;
  readonly timeouts: RelayTimeouts;
  readonly submitter: Submitter | undefined;
  readonly envelope: Envelope;
  readonly message: Uint8Array;
  readonly needs: Needs;
};

/** The replies to MAIL and to each RCPT; fewer where MAIL was refused. */
export type Announced = readonly HopReply[];

/** Names the client of the transaction, where the hop is to know it: XFORWARD. False where the hop does not take it. */
export async function forward(transaction: Transaction): Promise<boolean> {
  const { hop, submitter, session, timeouts } = transaction;
  const commands = forwardCommands("xforward", hop, submitter, session.extensions);
  for (const command of commands) {
    const [answer] = await session.client.ask([command], timeouts.replyMs);
    if (answer?.code !== 250) return false;
  }
  return true;
}

/** Says the envelope. Whatever fails here, the hop has taken nothing. @throws AppError when a reply does not come. */
export async function announce(transaction: Transaction): Promise<Announced> {
  const { recipients } = transaction.envelope;
  return askAll(transaction, [
    mailCommand(transaction),
    ...recipients.map((address) => `RCPT TO:<${formatAddress(address)}>`),
  ]);
}

/**
 * Sends the message for the recipients that were taken. `isOver`: the hop has taken the message, so that the session takes
 * another one. @throws AppError when a reply does not come.
 */
export async function sendMessage(
  transaction: Transaction,
  [mail, ...answers]: Announced,
): Promise<{ readonly result: RelayResult; readonly isOver: boolean }> {
  const { recipients } = transaction.envelope;
  const isTaken = answers.map(({ code }) => code === 250 || code === 251);
  const count = isTaken.filter(Boolean).length;
  if (mail?.code !== 250 || count === 0) {
    const outcomes = recipients.map((_address, index) =>
      refused(mail?.code === 250 ? answers[index] : mail),
    );
    return { result: resultOf(transaction, outcomes), isOver: false };
  }
  const finals = await sendData(transaction, count);
  const isOver = finals.every(({ code }) => code >= 200 && code < 300);
  let next = 0;
  const outcomes = recipients.map((_address, index) =>
    isTaken[index] === true ? outcomeOf(finals[next++]) : refused(answers[index]),
  );
  return { result: resultOf(transaction, outcomes), isOver };
}

function resultOf({ envelope }: Transaction, outcomes: readonly Outcome[]): RelayResult {
  return {
    recipients: envelope.recipients.map((address, index) => ({
      address,
      outcome: outcomes[index] ?? refused(undefined),
    })),
  };
}

function mailCommand({ session, envelope, message, needs }: Transaction): string {
  const { extensions } = session;
  const { from, dsn = {}, requireTls = false } = envelope;
  const path = from === undefined ? "<>" : `<${formatAddress(from)}>`;
  const mayNotify = extensions.has("DSN");
  const parameters: readonly (readonly [isSent: boolean, parameter: string])[] = [
    [extensions.has("SIZE"), `SIZE=${String(message.length)}`],
    [needs.eightBit, "BODY=8BITMIME"],
    [needs.smtpUtf8, "SMTPUTF8"],
    [requireTls, "REQUIRETLS"],
    [mayNotify && dsn.ret !== undefined, `RET=${dsn.ret ?? ""}`],
    [mayNotify && dsn.envid !== undefined, `ENVID=${xtext(dsn.envid ?? "")}`],
  ];
  const sent = parameters.filter(([isSent]) => isSent).map(([, parameter]) => parameter);
  return [`MAIL FROM:${path}`, ...sent].join(" ");
}

/** All at once where the hop allows it (RFC 2920), else one after the other. */
async function askAll(
  { session: { client, extensions }, timeouts: { replyMs } }: Transaction,
  commands: readonly string[],
): Promise<readonly HopReply[]> {
  if (extensions.has("PIPELINING")) return client.ask(commands, replyMs);
  const replies: HopReply[] = [];
  for (const command of commands) {
    replies.push(...(await client.ask([command], replyMs)));
    if (replies[0]?.code !== 250) break;
  }
  return replies;
}

const TEMPORARY = { temporary: true } as const;

/** The replies to the end of DATA: one, or with LMTP one for each accepted recipient. */
async function sendData(
  { session: { client }, hop, message, timeouts: { replyMs, finalReplyMs } }: Transaction,
  count: number,
): Promise<readonly HopReply[]> {
  const [go] = await client.ask(["DATA"], replyMs);
  if (go !== undefined && go.code >= 400) return repeated(go, count);
  // Any other yes is not to DATA: no octet of the message was sent, and the session is out of step.
  if (go?.code !== 354) throw new AppError("DATA got the reply to another command", TEMPORARY);
  for (const piece of dotStuffed(message)) await client.send(piece, replyMs);
  const last = await client.reply(finalReplyMs);
  if (hop.protocol !== "lmtp") return repeated(last, count);
  const finals = [last];
  while (finals.length < count) finals.push(await client.reply(finalReplyMs));
  return finals;
}

function repeated(given: HopReply | undefined, count: number): readonly HopReply[] {
  return given === undefined ? [] : Array.from({ length: count }, () => given);
}
