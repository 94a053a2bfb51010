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

import type { Envelope } from "../mail/envelope.ts";
import { checkLineEndsInSlices } from "../mail/message.ts";
import { tellData, tellRefusal, type Context } from "./answered.ts";
import { Budget, type Share } from "./budget.ts";
import { collect } from "./collect.ts";
import { readDataLines } from "./data-lines.ts";
import { envelopeOf, nameOf, parsePath } from "./connection.ts";
import { Connections, type Callback } from "./connections.ts";
import type { Goodbyes } from "./goodbye.ts";
import type { Client, Handlers, ListenerLimits, ListenerMode } from "./handlers.ts";
import { MAIL, MAIL_OF_CLIENTS, RCPT, refuseUnannounced } from "./parameters.ts";
import { PasswordLines } from "./password-lines.ts";
import { errorReply, isAccepted, oneReply, Refusal, reply, type Reply } from "./reply.ts";

/** Jokes and proxies' commands of smtp-server that nobody may use. */
const NEVER = ["WIZ", "SHELL", "KILL", "XCLIENT", "XFORWARD"];
const SHUTTING_DOWN = "4.3.2 shutting down";
const MOST_REFUSED_LOGINS = 3;
/** Somebody who guesses user names. */
const MOST_REFUSED_RECIPIENTS = 20;

export class Dialogue<Login extends object> {
  readonly #mode: ListenerMode;
  readonly #domain: string;
  readonly #limits: ListenerLimits;
  readonly #handlers: Handlers<Login>;
  readonly #connections: Connections;
  readonly #budget: Budget;
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
    this.#mode = mode;
    this.#domain = domain;
    this.#limits = limits;
    this.#handlers = handlers;
    this.#budget = new Budget(limits.heldBytes);
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
    this.#connections.open(session, this.#limits.firstCommandMs, () => {
      this.#goodbyes.say(session.id, "4.4.2 no command in time");
    });
    session.disabledCommands = this.#disabled(session.secure);
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
    return this.#mode.startsWith("submission");
  }

  #closed(session: SMTPServerSession): void {
    const login = loginOf<Login>(session);
    this.#passwords.get(session.id)?.end();
    this.#passwords.delete(session.id);
    this.#connections.close(session, () => {
      if (login !== undefined) this.#handlers.loggedOut?.(login);
    });
  }

  async #login(
    auth: SMTPServerAuthentication,
    session: SMTPServerSession,
  ): Promise<{ user?: Login }> {
    const connection = this.#connections.of(session);
    clearTimeout(connection.firstCommand);
    const { login } = this.#handlers;
    const { username = "", authzid = "" } = auth;
    // RFC 4616 §2: to act as somebody else is a right nobody has here.
    if (login === undefined || (authzid !== "" && authzid !== username)) throw refusedLogin();
    using password = this.#passwords.get(session.id)?.take();
    if (password === undefined) throw refusedLogin();
    const outcome = await login(username, password, connection.network, connection.left.signal);
    if (outcome === "throttled") {
      throw new Refusal(454, "4.7.0 too many failed logins; try again later");
    }
    if (outcome === "busy") {
      throw new Refusal(454, "4.3.2 too many logins at once; try again later");
    }
    if (outcome !== "refused") return this.#keepLogin(outcome, session);
    connection.refusedLogins += 1;
    throw connection.refusedLogins < MOST_REFUSED_LOGINS
      ? refusedLogin()
      : new Refusal(421, "4.7.0 too many failed logins");
  }

  /** A client that went away while its password was looked at has no connection left whose end would log it out. */
  #keepLogin(login: Login, session: SMTPServerSession): { user: Login } {
    if (this.#connections.isOpen(session)) return { user: login };
    this.#handlers.loggedOut?.(login);
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
    refuseUnannounced(address, this.#isSubmission ? MAIL_OF_CLIENTS : MAIL);
    connection.recipients = [];
    connection.transaction = this.#handlers.nameTransaction?.() ?? "";
    connection.startedMs = performance.now();
    connection.sizeBytes = 0;
    connection.from = address.address === "" ? undefined : parsePath(address, session, "5.1.7");
    return Promise.resolve();
  }

  async #recipient(address: SMTPServerAddress, session: SMTPServerSession): Promise<void> {
    const connection = this.#connections.of(session);
    if (connection.recipients.length >= this.#limits.recipients) {
      throw new Refusal(452, "4.5.3 too many recipients");
    }
    refuseUnannounced(address, RCPT);
    const recipient = parsePath(this.#withDomain(address), session, "5.1.3");
    const { envelope } = session;
    const args = envelope.mailFrom === false ? false : envelope.mailFrom.args;
    const sizeBytes = args === false ? 0 : Number(args["SIZE"] ?? 0);
    const answer = await this.#handlers.rcpt(
      this.#client(session),
      { ...envelopeOf(connection, session), sizeBytes },
      recipient,
    );
    if (answer === "ok" || isAccepted(answer)) {
      connection.recipients.push(recipient);
      return;
    }
    connection.refusedRecipients += 1;
    if (this.#mode === "mx" && connection.refusedRecipients > MOST_REFUSED_RECIPIENTS) {
      throw new Refusal(421, "4.7.0 too many refused recipients");
    }
    throw Refusal.of(answer);
  }

  /** RFC 5321 §4.1.1.3: `<postmaster>` alone is somebody at this host. */
  #withDomain(address: SMTPServerAddress): SMTPServerAddress {
    return address.address.includes("@")
      ? address
      : { ...address, address: `${address.address}@${this.#domain}` };
  }

  async #data(
    stream: SMTPServerDataStream,
    session: SMTPServerSession,
  ): Promise<string | (string | Error)[]> {
    const connection = this.#connections.of(session);
    const envelope = envelopeOf(connection, session, this.#mode !== "lmtp");
    using room = this.#budget.share(connection.network);
    const message = await this.#message(stream, session, room);
    connection.sizeBytes = message instanceof Uint8Array ? message.length : 0;
    const replies =
      message instanceof Uint8Array ? await this.#decided(session, envelope, message) : [message];
    if (this.#mode !== "lmtp") return textOf(oneReply(replies));
    // RFC 2033 §4.2: as many replies as accepted RCPTs; smtp-server alone would forget repeated ones.
    const [first = errorReply(undefined)] = replies;
    return envelope.recipients.map((_recipient, index) => {
      const given = (replies.length === 1 ? first : replies[index]) ?? errorReply(undefined);
      return isAccepted(given) ? textOf(given) : Refusal.of(given);
    });
  }

  async #decided(
    session: SMTPServerSession,
    envelope: Envelope,
    message: Uint8Array,
  ): Promise<readonly Reply[]> {
    try {
      const answer = await this.#handlers.data(this.#client(session), envelope, message);
      return isList(answer) ? answer : [answer];
    } catch (error) {
      this.#handlers.failed?.(error);
      return [errorReply(error)];
    }
  }

  /** The message, or why it is none. Refused unread: what others may take for two messages (RFC 5321 §2.3.8). */
  async #message(
    stream: SMTPServerDataStream,
    session: SMTPServerSession,
    room: Share,
  ): Promise<Uint8Array | Reply> {
    const { dataMs, messageBytes } = this.#limits;
    const late = AbortSignal.timeout(dataMs);
    const hangUp = (): void => {
      this.#goodbyes.say(session.id, "4.4.2 the message took too long");
    };
    late.addEventListener("abort", hangUp);
    const collected = await collect(stream, messageBytes, late, room);
    late.removeEventListener("abort", hangUp);
    switch (collected.kind) {
      case "broken":
        return reply("451", "4.4.2", "the message did not come in full");
      case "too-large":
        return reply("552", "5.3.4", `the message is larger than ${String(messageBytes)} bytes`);
      case "no-room":
        return reply("452", "4.3.1", "too much mail at once; try again later");
      case "whole":
        return (await checkLineEndsInSlices(collected.bytes)) === "ok"
          ? collected.bytes
          : reply("550", "5.6.0", "bare CR, bare LF or NUL in the message; not accepted");
    }
  }

  #client(session: SMTPServerSession): Client<Login> {
    return {
      id: session.id,
      network: this.#connections.of(session).network,
      address: session.remoteAddress,
      name: nameOf(session),
      protocol: session.transmissionType,
      isTls: session.secure,
      login: loginOf<Login>(session),
      transaction: this.#connections.of(session).transaction,
    };
  }

  #context(session: SMTPServerSession): () => Context<Login> {
    return () => ({
      handlers: this.#handlers,
      client: this.#client(session),
      connection: this.#connections.of(session),
    });
  }
}

function refusedLogin(): Refusal {
  return new Refusal(535, "5.7.8 authentication credentials invalid");
}

function loginOf<Login>(session: SMTPServerSession): Login | undefined {
  const user: unknown = session.user;
  return typeof user === "object" && user !== null ? (user as Login) : undefined;
}

/** smtp-server writes the 250 itself. */
function textOf(given: Reply): string {
  if (!isAccepted(given)) throw Refusal.of(given);
  return `${given.enhanced} ${given.text}`;
}

function isList(answer: Reply | readonly Reply[]): answer is readonly Reply[] {
  return Array.isArray(answer);
}
