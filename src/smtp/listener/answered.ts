/** Tells whoever keeps the log what was answered, and puts the name of the transaction into its replies. */
import type { Step } from "../reason.ts";
import { errorReply, isAccepted, loginErrorReply, Refusal, reply, type Reply } from "../smtp.ts";
import type { Connection } from "./connection.ts";
import type { Client, Handlers } from "./handlers.ts";

/** What is known where something was answered. */
export type Context<Login extends object> = {
  readonly handlers: Handlers<Login>;
  readonly client: Client<Login>;
  readonly connection: Connection;
};

/** What smtp-server takes as the outcome of DATA: the text behind 250, or with LMTP a list of these and of errors. */
export type DataOutcome = string | (string | Error)[];

/** Runs AUTH, MAIL or RCPT: what is refused is told, and carries the name of the transaction. */
export async function tellRefusal<Login extends object, Value>(
  context: () => Context<Login>,
  step: Exclude<Step, "data">,
  work: () => Promise<Value>,
): Promise<Value> {
  const before = context();
  try {
    return await work();
  } catch (error) {
    throw told(nowOr(context, before), step, error);
  }
}

/** The context as it is now, or as it was before where the client has gone: an answer that nobody heard is logged too. */
function nowOr<Login extends object>(
  context: () => Context<Login>,
  before: Context<Login>,
): Context<Login> {
  try {
    return context();
  } catch {
    return before;
  }
}

/** Runs DATA: whatever comes of it is told. */
export async function tellData<Login extends object>(
  context: () => Context<Login>,
  work: () => Promise<DataOutcome>,
): Promise<DataOutcome> {
  const before = context();
  let outcome: DataOutcome;
  try {
    outcome = await work();
  } catch (error) {
    throw told(nowOr(context, before), "data", error);
  }
  const after = nowOr(context, before);
  const { connection } = after;
  const all = Array.isArray(outcome) ? outcome : [outcome];
  const replies = all.map((one) => (typeof one === "string" ? acceptedReply(one) : replyOf(one)));
  tell(after, "data", replies);
  const named = all.map((one) =>
    typeof one === "string" ? withName(one, connection) : namedRefusal(one, connection),
  );
  return Array.isArray(outcome) ? named : textOr(named[0], outcome);
}

function told<Login extends object>(context: Context<Login>, step: Step, error: unknown): Refusal {
  if (!(error instanceof Refusal)) context.handlers.failed?.(error);
  const trouble = step === "auth" ? loginErrorReply : errorReply;
  const refusal = error instanceof Refusal ? error : Refusal.of(trouble(error));
  tell(context, step, [replyOf(refusal)]);
  return namedRefusal(refusal, context.connection);
}

function tell<Login extends object>(
  { handlers, client, connection }: Context<Login>,
  step: Step,
  replies: readonly Reply[],
): void {
  handlers.answered?.(client, {
    step,
    transaction: step === "auth" ? "" : connection.transaction,
    replies,
    recipients: connection.recipients.length,
    sizeBytes: connection.sizeBytes,
    tookMs: connection.startedMs === 0 ? 0 : Math.round(performance.now() - connection.startedMs),
  });
}

function withName(text: string, { transaction }: Connection): string {
  return transaction === "" || text.includes(transaction) ? text : `${text} (${transaction})`;
}

function namedRefusal(error: Error, connection: Connection): Refusal {
  if (!(error instanceof Refusal)) return Refusal.of(errorReply(error));
  return new Refusal(error.responseCode, withName(error.message, connection));
}

function textOr(one: string | Error | undefined, otherwise: string): string {
  return typeof one === "string" ? one : otherwise;
}

/** `2.0.0 stored`, as smtp-server is given it. */
function acceptedReply(text: string): Reply {
  return parsed(250, text) ?? reply("250", "2.0.0", text);
}

function replyOf(error: Error): Reply {
  const known = error instanceof Refusal ? parsed(error.responseCode, error.message) : undefined;
  return known ?? errorReply(error);
}

/** Our own words back into a reply; undefined when they are not in its form. */
function parsed(code: number, text: string): Reply | undefined {
  const [, enhanced = "", rest = ""] = /^([245]\.\d{1,3}\.\d{1,3}) (.*)$/s.exec(text) ?? [];
  if (enhanced === "") return undefined;
  const made = { code: String(code), enhanced, text: rest } as Reply;
  return isAccepted(made) === enhanced.startsWith("2") ? made : undefined;
}
