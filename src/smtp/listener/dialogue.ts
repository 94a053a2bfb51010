/** Between smtp-server's callbacks and our handlers: who may say what when, and one reply for each question. */
import type { Socket } from "node:net";
import type {
  SMTPServer,
  SMTPServerAddress,
  SMTPServerAuthentication,
  SMTPServerDataStream,
  SMTPServerOptions,
  SMTPServerSession,
} from "smtp-server";

import { Refusal } from "../smtp.ts";
import { tellData, tellRefusal, type Context, type DataOutcome } from "./answered.ts";
import { answerAuth } from "./auth.ts";
import { Budget } from "./budget.ts";
import { envelopeOf, nameOf, parsePath } from "./connection.ts";
import { Connections, type Callback } from "./connections.ts";
import { readDataLines } from "./data-lines.ts";
import { answerData, type DataDeps } from "./data.ts";
import type { Goodbyes } from "./goodbye.ts";
import type { Client, Handlers, ListenerLimits, ListenerMode } from "./handlers.ts";
import {
  MAIL,
  MAIL_OF_CLIENTS,
  refuseAnnouncedSize,
  refuseUnannounced,
  takeOverSize,
} from "./parameters.ts";
import { PasswordLines } from "./password-lines.ts";
import { answerRcpt, type RcptDeps } from "./rcpt.ts";

/** Jokes and proxies' commands of smtp-server that nobody may use. */
const NEVER = ["WIZ", "SHELL", "KILL", "XCLIENT", "XFORWARD"];
const SHUTTING_DOWN = "4.3.2 shutting down";

export class Dialogue<Login extends object> {
  readonly #deps: DataDeps<Login> & RcptDeps<Login>;
  readonly #connections: Connections;
  /** By session. */
  readonly #passwords = new Map<string, PasswordLines>();
  readonly #goodbyes: Goodbyes;
  #server: SMTPServer | undefined;

  constructor(
    mode: ListenerMode,
    domain: string,
    limits: ListenerLimits,
    handlers: Handlers<Login>,
    goodbyes: Goodbyes,
  ) {
    this.#goodbyes = goodbyes;
    this.#deps = { mode, domain, limits, handlers, budget: new Budget(limits.heldBytes) };
    this.#connections = new Connections((error) => {
      handlers.failed?.(error);
    });
  }

  attach(server: SMTPServer): void {
    this.#server = server;
  }

  callbacks(): SMTPServerOptions {
    return {
      onConnect: (session, callback) => {
        this.#connected(session, callback);
      },
      onSecure: (_socket, session, callback) => {
        session.disabledCommands = this.#disabled(true);
        this.#readLines(session);
        callback();
      },
      onAuth: (auth, session, callback) => {
        this.#connections.answer(session, callback, async () =>
          tellRefusal(this.#context(session), "auth", async () => this.#login(auth, session)),
        );
      },
      onMailFrom: (address, session, callback) => {
        this.#connections.answer(session, callback, async () =>
          tellRefusal(this.#context(session), "mail", async () => this.#mail(address, session)),
        );
      },
      onRcptTo: (address, session, callback) => {
        this.#connections.answer(session, callback, async () =>
          tellRefusal(this.#context(session), "rcpt", async () =>
            this.#recipient(address, session),
          ),
        );
      },
      onData: (stream, session, callback) => {
        this.#connections.answer(session, callback, async () =>
          tellData(this.#context(session), async () => this.#data(stream, session)),
        );
      },
      onClose: (session) => {
        this.#closed(session);
      },
    };
  }

  /** Says goodbye on every connection that waits for nothing, and on each other one after what it waits for. */
  sendAwayIdle(): void {
    this.#connections.whenIdle((id) => {
      this.#goodbyes.say(id, SHUTTING_DOWN);
    });
    this.#goodbyes.sayToIdle((id) => this.#connections.isBusy(id), SHUTTING_DOWN);
  }

  /** Whether a handler runs for the client at the other end. */
  isBusy(socket: Socket): boolean {
    const connection = this.#goodbyes.connectionOver(socket);
    return connection !== undefined && this.#connections.isBusy(connection.id);
  }

  /** Waits for the handlers that still run. */
  async finished(): Promise<void> {
    await this.#connections.finished();
  }

  #connected(session: SMTPServerSession, callback: Callback): void {
    const refusal = this.#goodbyes.refusalOf(session);
    if (refusal !== undefined) {
      callback(new Refusal(421, refusal));
      return;
    }
    this.#connections.open(session, this.#deps.limits.firstCommandMs, () => {
      this.#goodbyes.say(session.id, "4.4.2 no command in time");
    });
    session.disabledCommands = this.#disabled(session.secure);
    const connection = this.#goodbyes.connectionOf(session.id);
    if (connection !== undefined) takeOverSize(connection);
    this.#readLines(session);
    callback();
  }

  /** What smtp-server would read otherwise. Passwords also before TLS, where AUTH is refused: some clients send it there. */
  #readLines({ id }: SMTPServerSession): void {
    const connection = this.#goodbyes.connectionOf(id);
    if (connection === undefined) return;
    readDataLines(connection);
    if (!this.#isSubmission) return;
    this.#passwords.get(id)?.end();
    this.#passwords.set(id, new PasswordLines(connection));
  }

  /** AUTH exists only inside TLS and only for submission (RFC 8314 §3, RFC 4954 §4). */
  #disabled(isTls: boolean): string[] {
    const mayLogin = this.#isSubmission && isTls;
    const maySecure = !isTls && this.#server?.options.cert !== undefined;
    return [...NEVER, ...(mayLogin ? [] : ["AUTH"]), ...(maySecure ? [] : ["STARTTLS"])];
  }

  get #isSubmission(): boolean {
    return this.#deps.mode.startsWith("submission");
  }

  #closed(session: SMTPServerSession): void {
    const login = loginOf<Login>(session);
    this.#passwords.get(session.id)?.end();
    this.#passwords.delete(session.id);
    this.#connections.close(session, () => {
      if (login !== undefined) this.#deps.handlers.loggedOut?.(login);
    });
  }

  async #login(
    auth: SMTPServerAuthentication,
    session: SMTPServerSession,
  ): Promise<{ user?: Login }> {
    const connection = this.#connections.of(session);
    clearTimeout(connection.firstCommand);
    const { login } = this.#deps.handlers;
    const user = await answerAuth(login, connection, auth, () =>
      this.#passwords.get(session.id)?.take(),
    );
    return this.#keepLogin(user, session);
  }

  /** A client that went away while its password was looked at has no connection left whose end would log it out. */
  #keepLogin(login: Login, session: SMTPServerSession): { user: Login } {
    if (this.#connections.isOpen(session)) return { user: login };
    this.#deps.handlers.loggedOut?.(login);
    throw new Refusal(421, "4.3.2 the connection has ended");
  }

  async #mail(address: SMTPServerAddress, session: SMTPServerSession): Promise<void> {
    const connection = this.#connections.of(session);
    clearTimeout(connection.firstCommand);
    if (this.#isSubmission && !session.secure) {
      throw new Refusal(530, "5.7.0 must issue a STARTTLS command first");
    }
    if (this.#isSubmission && loginOf(session) === undefined) {
      throw new Refusal(530, "5.7.0 authentication required");
    }
    connection.recipients = [];
    connection.transaction = this.#deps.handlers.nameTransaction?.() ?? "";
    connection.startedMs = performance.now();
    connection.sizeBytes = 0;
    refuseUnannounced(address, this.#isSubmission ? MAIL_OF_CLIENTS : MAIL);
    refuseAnnouncedSize(address, this.#deps.limits.messageBytes);
    connection.from = address.address === "" ? undefined : parsePath(address, session, "5.1.7");
    return Promise.resolve();
  }

  async #recipient(address: SMTPServerAddress, session: SMTPServerSession): Promise<void> {
    return answerRcpt(this.#deps, this.#context(session)(), address, session);
  }

  async #data(stream: SMTPServerDataStream, session: SMTPServerSession): Promise<DataOutcome> {
    const connection = this.#connections.of(session);
    const transaction = {
      client: () => this.#client(session),
      connection,
      envelope: envelopeOf(connection, session, this.#deps.mode !== "lmtp"),
      hangUp: () => {
        this.#goodbyes.say(session.id, "4.4.2 the message took too long");
      },
    };
    return answerData(this.#deps, transaction, stream);
  }

  #client(session: SMTPServerSession): Client<Login> {
    return {
      id: session.id,
      network: this.#connections.of(session).network,
      address: session.remoteAddress,
      port: session.remotePort,
      name: nameOf(session),
      protocol: session.transmissionType,
      isTls: session.secure,
      login: loginOf<Login>(session),
      transaction: this.#connections.of(session).transaction,
    };
  }

  #context(session: SMTPServerSession): () => Context<Login> {
    return () => ({
      handlers: this.#deps.handlers,
      client: this.#client(session),
      connection: this.#connections.of(session),
    });
  }
}

function loginOf<Login>(session: SMTPServerSession): Login | undefined {
  const user: unknown = session.user;
  return typeof user === "object" && user !== null ? (user as Login) : undefined;
}
