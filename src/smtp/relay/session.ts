/** A session with a next hop, up to where transactions begin: greeting, EHLO or LHLO, STARTTLS. */
import { SmtpClient } from "./client.ts";
import type { Hop, Outcome, RelayTimeouts } from "./hop.ts";
import type { Extensions } from "./obstacle.ts";
import { retry } from "./outcome-of.ts";

/** Whom to greet, by which name of ours, and how long to wait. */
export type SessionOptions = {
  readonly hop: Hop;
  readonly hostname: string;
  readonly timeouts: RelayTimeouts;
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
  const client = await SmtpClient.connect({ ...hop, signal }, timeouts.connectMs);
  const openedMs = performance.now();
  try {
    const greeting = await client.reply(timeouts.replyMs);
    // A server that is not one, or not for us, is a mistake that somebody will correct: nothing bounces for it.
    const extensions = greeting.code === 220 ? await greet(options, client) : retry(greeting);
    if (extensions instanceof Map) return { client, extensions, openedMs, transactions: 0 };
    client[Symbol.dispose]();
    return extensions;
  } catch (error) {
    client[Symbol.dispose]();
    throw error;
  }
}

/** EHLO, and STARTTLS with another EHLO where TLS is wanted. */
async function greet(
  options: SessionOptions,
  client: SmtpClient,
): Promise<Map<string, string> | Outcome> {
  const { hop, timeouts } = options;
  const { tls = "offered" } = hop;
  const extensions = await hello(options, client);
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
  return hello(options, client);
}

async function hello(
  { hop, hostname, timeouts }: SessionOptions,
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
