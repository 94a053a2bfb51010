/** A session with a next hop, up to where transactions begin: greeting, EHLO or LHLO, STARTTLS, AUTH, XCLIENT. */
import { readFile } from "node:fs/promises";

import { AppError, errorText } from "../../base/errors.ts";
import { SmtpClient } from "./client.ts";
import { forwardCommands } from "./forward.ts";
import type { Hop, Outcome, RelayTimeouts, Submitter } from "./hop.ts";
import { logIn } from "./log-in.ts";
import type { Extensions } from "./obstacle.ts";
import { notNow, retry } from "./outcome-of.ts";

/** Whom to greet, by which name of ours, and how long to wait. */
export type SessionOptions = {
  readonly hop: Hop;
  readonly hostname: string;
  readonly timeouts: RelayTimeouts;
  /** Whose message it is opened for; the hop may be told. */
  readonly submitter?: Submitter | undefined;
  readonly signal?: AbortSignal | undefined;
};

/** A hop that was greeted and takes mail. */
export type Session = {
  readonly client: SmtpClient;
  readonly extensions: Extensions;
  /** When it was opened, in milliseconds of the process's own clock. */
  readonly openedMs: number;
  /** How many transactions it has had. */
  readonly transactions: number;
};

/** Opens a session; an `Outcome` where the hop takes no mail now. @throws AppError when it does not answer in time. */
export async function openSession(options: SessionOptions): Promise<Session | Outcome> {
  const { hop, timeouts, signal } = options;
  const client = await SmtpClient.connect(hop, timeouts.connectMs, signal);
  const openedMs = performance.now();
  try {
    const greeting = await client.reply(timeouts.replyMs);
    // A server that is not one, or not for us, is a mistake that somebody will correct: nothing bounces for it.
    const extensions = greeting.code === 220 ? await introduce(options, client) : retry(greeting);
    if (extensions instanceof Map) return { client, extensions, openedMs, transactions: 0 };
    client[Symbol.dispose]();
    return extensions;
  } catch (error) {
    client[Symbol.dispose]();
    throw error;
  }
}

type Greeted = Map<string, string> | Outcome;

/** All that comes before the first transaction, after the greeting; what the hop offers then. */
async function introduce(options: SessionOptions, client: SmtpClient): Promise<Greeted> {
  const { hop, timeouts } = options;
  const extensions = await greet(options, client);
  if (!(extensions instanceof Map)) return extensions;
  const refusal = await logIn(hop, client, extensions, timeouts.replyMs);
  return refusal ?? (await nameClient(options, client, extensions));
}

/** EHLO, and STARTTLS with another EHLO where TLS is wanted. */
async function greet(options: SessionOptions, client: SmtpClient): Promise<Greeted> {
  const { hop, timeouts, hostname } = options;
  const { tls = "offered" } = hop;
  const extensions = await hello(options, client, hostname);
  if (!(extensions instanceof Map) || tls === "none") return extensions;
  if (!extensions.has("STARTTLS")) {
    return tls === "required"
      ? notNow("no-tls", "4.7.4 the next mail server offers no TLS")
      : extensions;
  }
  const ca = hop.caFile === undefined ? undefined : await authoritiesIn(hop.caFile);
  const [ready] = await client.ask(["STARTTLS"], timeouts.replyMs);
  if (ready?.code !== 220) return retry(ready);
  await client.secure(
    {
      serverName: hop.serverName ?? ("host" in hop ? hop.host : "localhost"),
      isChecked: tls === "required",
      ...(ca === undefined ? {} : { ca }),
    },
    timeouts.connectMs,
  );
  return hello(options, client, hostname);
}

async function authoritiesIn(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (cause) {
    throw new AppError(`${file} cannot be read (${errorText(cause)})`, { temporary: true, cause });
  }
}

/** XCLIENT, where the hop is to act as if the client were there; after it the session begins anew, with the client's EHLO. */
async function nameClient(
  options: SessionOptions,
  client: SmtpClient,
  extensions: Map<string, string>,
): Promise<Greeted> {
  const { hop, submitter, hostname, timeouts } = options;
  const commands = forwardCommands("xclient", hop, submitter, extensions);
  for (const command of commands) {
    const [greeting] = await client.ask([command], timeouts.replyMs);
    if (greeting?.code !== 220) return retry(greeting);
  }
  return commands.length === 0 ? extensions : hello(options, client, submitter?.helo ?? hostname);
}

async function hello(
  { hop, timeouts }: SessionOptions,
  client: SmtpClient,
  name: string,
): Promise<Greeted> {
  const verb = hop.protocol === "lmtp" ? "LHLO" : "EHLO";
  const [answer] = await client.ask([`${verb} ${name}`], timeouts.replyMs);
  if (answer?.code !== 250) return retry(answer);
  return new Map(
    answer.lines.slice(1).map((line) => {
      const [keyword = "", ...rest] = line.trim().split(/\s+/);
      return [keyword.toUpperCase(), rest.join(" ")];
    }),
  );
}
