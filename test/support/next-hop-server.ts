/** A next hop that takes logins, XCLIENT and XFORWARD, as a mail server does that trusts us; it remembers what it was told. */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type SMTPServerOptions, SMTPServer, type SMTPServerSession } from "smtp-server";
import type { IssuedCertificate } from "../../lab/pki.ts";
import type { HopPlace } from "../../src/smtp/relay/hop.ts";

export type TakenThere = {
  readonly connection: string;
  readonly isTls: boolean;
  /** The name in the last EHLO. */
  readonly helo: string;
  /** Who logged in, or was said to be: `METHOD user`. */
  readonly login: string | undefined;
  /** What XCLIENT and XFORWARD have said in this session so far. */
  readonly told: Readonly<Record<string, unknown>>;
  readonly text: string;
};

export type NextHopServer = AsyncDisposable & {
  readonly place: HopPlace;
  readonly taken: readonly TakenThere[];
  /** The commands in the order in which they came; a password is not among them. */
  readonly commands: readonly string[];
};

type Options = {
  /** A path; else a port of the system's choice. */
  readonly socket?: string;
  readonly tls?: IssuedCertificate;
  readonly password?: string;
  readonly more?: SMTPServerOptions;
};

export async function startNextHop(options: Options = {}): Promise<NextHopServer> {
  const [taken, commands]: [TakenThere[], string[]] = [[], []];
  const { socket, tls, password, more } = options;
  const silent = (): void => undefined;
  const server = new SMTPServer({
    ...(tls === undefined ? {} : { cert: tls.cert, key: tls.key }),
    authMethods: ["PLAIN"],
    allowInsecureAuth: true,
    authOptional: true,
    disabledCommands: [
      ...(tls === undefined ? ["STARTTLS"] : []),
      ...(password === undefined ? ["AUTH"] : []),
    ],
    disableReverseLookup: true,
    logger: {
      level: silent,
      trace: silent,
      info: silent,
      warn: silent,
      error: silent,
      fatal: silent,
      debug: (entry: { readonly tnx?: string }, _mark: unknown, line?: string) => {
        if (entry.tnx === "command" && line !== undefined) commands.push(line);
      },
    } as never,
    onAuth: (auth, _session, callback) => {
      const isRight = auth.method === ("XCLIENT" as string) || auth.password === password;
      if (isRight) callback(null, { user: `${auth.method} ${auth.username ?? ""}` });
      else callback(new Error("5.7.8 authentication failed"));
    },
    onData: (stream, session, callback) => {
      const chunks: Buffer[] = [];
      stream.on("data", (chunk: Buffer) => chunks.push(chunk));
      stream.on("end", () => {
        taken.push(takenIn(session, Buffer.concat(chunks).toString()));
        callback();
      });
    },
    ...more,
  });
  server.on("error", silent);
  if (socket === undefined) server.listen(0, "127.0.0.1");
  else server.server.listen(socket);
  await once(server.server, "listening");
  return {
    place:
      socket === undefined
        ? { host: "127.0.0.1", port: (server.server.address() as AddressInfo).port }
        : { socket },
    taken,
    commands,
    [Symbol.asyncDispose]: async () => {
      await new Promise<void>((resolve) => {
        server.close(resolve);
      });
    },
  };
}

function takenIn(session: SMTPServerSession, text: string): TakenThere {
  const { xClient, xForward } = session as unknown as Record<
    "xClient" | "xForward",
    ReadonlyMap<string, unknown>
  >;
  const told = Object.fromEntries([...xClient, ...xForward]);
  return {
    connection: session.id,
    isTls: session.secure,
    helo: session.hostNameAppearsAs,
    login: session.user,
    told,
    text,
  };
}
