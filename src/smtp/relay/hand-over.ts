/** One message to one next hop: greeting, TLS, envelope, data (RFC 5321 §3, RFC 2033 for LMTP). */
import { formatAddress, type EmailAddress } from "../../mail/address.ts";
import type { Envelope } from "../../mail/envelope.ts";
import { SmtpClient, type HopReply } from "./client.ts";
import { dotStuffed } from "./dot-stuffing.ts";
import type { Hop, Outcome, RelayResult, RelayTimeouts } from "./hop.ts";
import { needsOf, obstacleFor, type Extensions, type Needs } from "./obstacle.ts";

type Context = {
  readonly hop: Hop;
  readonly hostname: string;
  readonly timeouts: RelayTimeouts;
  readonly signal?: AbortSignal | undefined;
};

/** Maximum length of what is kept of a reply. */
const MOST_TEXT = 400;

/** @throws AppError when the hop does not answer, or not in time. */
export async function handOver(
  context: Context,
  envelope: Envelope,
  message: Uint8Array,
): Promise<RelayResult> {
  const { hop, timeouts, signal } = context;
  using client = await SmtpClient.connect({ ...hop, signal }, timeouts.connectMs);
  const greeting = await client.reply(timeouts.replyMs);
  // A server that is not one, or not for us, is a mistake that somebody will correct: nothing bounces for it.
  if (greeting.code !== 220) return sameFor(envelope.recipients, retry(greeting));
  const extensions = await greet(context, client);
  if (!(extensions instanceof Map)) return sameFor(envelope.recipients, extensions);
  const needs = needsOf(envelope, message);
  const obstacle = obstacleFor(envelope, message, needs, { extensions, isTls: client.isTls });
  if (obstacle !== undefined) {
    client.quit();
    return sameFor(envelope.recipients, obstacle);
  }
  const result = await transact(context, client, { envelope, message, extensions, needs });
  client.quit();
  return result;
}

/** EHLO, and STARTTLS with another EHLO where TLS is wanted. */
async function greet(context: Context, client: SmtpClient): Promise<Map<string, string> | Outcome> {
  const { hop, timeouts } = context;
  const { tls = "offered" } = hop;
  const extensions = await hello(context, client);
  if (!(extensions instanceof Map) || tls === "none") return extensions;
  if (!extensions.has("STARTTLS")) {
    return tls === "required"
      ? {
          kind: "refused",
          code: 0,
          text: "4.7.4 the next mail server offers no TLS",
          temporary: true,
        }
      : extensions;
  }
  const [ready] = await client.ask(["STARTTLS"], timeouts.replyMs);
  if (ready?.code !== 220) return retry(ready);
  await client.secure(
    {
      serverName: hop.serverName ?? hop.host,
      isChecked: tls === "required",
      ...(hop.ca === undefined ? {} : { ca: hop.ca }),
    },
    timeouts.connectMs,
  );
  return hello(context, client);
}

async function hello(
  { hop, hostname, timeouts }: Context,
  client: SmtpClient,
): Promise<Map<string, string> | Outcome> {
  const verb = hop.protocol === "lmtp" ? "LHLO" : "EHLO";
  const [answer] = await client.ask([`${verb} ${hostname}`], timeouts.replyMs);
  if (answer?.code !== 250) return retry(answer);
  return new Map(
    answer.lines.slice(1).map((line) => {
      const [keyword = "", ...rest] = line.trim().split(/\s+/);
      return [keyword.toUpperCase(), rest.join(" ")];
    }),
  );
}

type Transaction = {
  readonly envelope: Envelope;
  readonly message: Uint8Array;
  readonly extensions: Extensions;
  readonly needs: Needs;
};

async function transact(
  { hop, timeouts }: Context,
  client: SmtpClient,
  transaction: Transaction,
): Promise<RelayResult> {
  const { recipients } = transaction.envelope;
  const commands = [
    mailCommand(transaction),
    ...recipients.map((address) => `RCPT TO:<${formatAddress(address)}>`),
  ];
  const [mail, ...answers] = await askAll(client, commands, transaction.extensions, timeouts);
  if (mail?.code !== 250) return sameFor(recipients, refused(mail));

  const isTaken = answers.map(({ code }) => code === 250 || code === 251);
  const accepted = recipients.filter((_address, index) => isTaken[index] === true);
  const finals = await sendData(client, hop, accepted.length, transaction.message, timeouts);
  let next = 0;
  return {
    recipients: recipients.map((address, index) => ({
      address,
      outcome: isTaken[index] === true ? outcomeOf(finals[next++]) : refused(answers[index]),
    })),
  };
}

function mailCommand({ envelope, message, extensions, needs }: Transaction): string {
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

/** RFC 3461 §4. */
function xtext(text: string): string {
  return text.replace(/[^!-*,-<>-~]/g, (character) =>
    [...Buffer.from(character)]
      .map((octet) => `+${octet.toString(16).toUpperCase().padStart(2, "0")}`)
      .join(""),
  );
}

/** All at once where the hop allows it (RFC 2920), else one after the other. */
async function askAll(
  client: SmtpClient,
  commands: readonly string[],
  extensions: Extensions,
  { replyMs }: RelayTimeouts,
): Promise<readonly HopReply[]> {
  if (extensions.has("PIPELINING")) return client.ask(commands, replyMs);
  const replies: HopReply[] = [];
  for (const command of commands) {
    replies.push(...(await client.ask([command], replyMs)));
    if (replies[0]?.code !== 250) break;
  }
  return replies;
}

/** The replies to the end of DATA: one, or with LMTP one for each accepted recipient. */
async function sendData(
  client: SmtpClient,
  hop: Hop,
  acceptedCount: number,
  message: Uint8Array,
  { replyMs, finalReplyMs }: RelayTimeouts,
): Promise<readonly HopReply[]> {
  if (acceptedCount === 0) return [];
  const [go] = await client.ask(["DATA"], replyMs);
  if (go?.code !== 354) return repeated(go, acceptedCount);
  for (const piece of dotStuffed(message)) await client.send(piece, replyMs);
  const last = await client.reply(finalReplyMs);
  if (hop.protocol !== "lmtp") return repeated(last, acceptedCount);
  const replies = [last];
  while (replies.length < acceptedCount) replies.push(await client.reply(finalReplyMs));
  return replies;
}

function repeated(given: HopReply | undefined, count: number): readonly HopReply[] {
  return given === undefined ? [] : Array.from({ length: count }, () => given);
}

function sameFor(recipients: readonly EmailAddress[], outcome: Outcome): RelayResult {
  return { recipients: recipients.map((address) => ({ address, outcome })) };
}

function outcomeOf(given: HopReply | undefined): Outcome {
  return given !== undefined && given.code >= 200 && given.code < 300
    ? { kind: "accepted", text: textOf(given) }
    : refused(given);
}

/** 5yz is for ever; all else, and what makes no sense, may be tried again. */
function refused(given: HopReply | undefined): Outcome {
  if (given === undefined) return { ...LOST };
  const { code } = given;
  return { kind: "refused", code, text: textOf(given), temporary: code < 500 };
}

function retry(given: HopReply | undefined): Outcome {
  return given === undefined
    ? { ...LOST }
    : { kind: "refused", code: given.code, text: textOf(given), temporary: true };
}

const LOST = {
  kind: "refused",
  code: 0,
  text: "4.4.2 the next mail server gave no reply",
  temporary: true,
} as const;

/** One line that may stand in a reply, a trace or a bounce. */
function textOf({ lines }: HopReply): string {
  return lines
    .join(" ")
    .replace(/[\p{Cc}\p{Cs}]+/gu, " ")
    .slice(0, MOST_TEXT);
}
