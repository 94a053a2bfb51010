/**
 * The way of plain GET requests past Node's HTTP server, which costs more than TLS and the answer together (ADR 0009). A
 * connection may send anything else: another form, half a request, or two at once. It is handed to Node's server then,
 * with what it sent, for the rest of its life.
 */
import { STATUS_CODES } from "node:http";
import type { TLSSocket } from "node:tls";

import { SECOND, systemClock } from "../../base/time.ts";
import { readPlainGet, type PlainGet } from "./plain-get.ts";
import {
  bodyHeaders,
  commonHeaders,
  TROUBLE,
  type WholeAnswer,
  type WholeApplication,
} from "./whole-answer.ts";

export type FastLaneOptions = {
  readonly application: WholeApplication;
  /** Header fields of every answer, names and values in turn. */
  readonly always: readonly string[];
  /** For the first request of a connection, and silence between two. */
  readonly headersMs: number;
  readonly idleMs: number;
  readonly failed: (error: unknown) => void;
  /** Node's own server: what it is given is at the front of the socket. */
  readonly handOver: (socket: TLSSocket) => void;
};

export type FastLane = {
  readonly take: (socket: TLSSocket) => void;
  /** Ends connections that wait for a request, and each other one after its answer. */
  readonly close: () => void;
};

type Waiting = { readonly connection: Connection; readonly get: PlainGet };

/**
 * Requests that came in one turn of the event loop are answered together, after all of them are here. All answers are made
 * before the first is sent: clients that wake up at each of them cost more than they do.
 */
export function makeFastLane(options: FastLaneOptions): FastLane {
  const { application, failed } = options;
  const together = application.together ?? ((work: () => void): void => work());
  const connections = new Set<Connection>();
  const write = makeWriter(options);
  let waiting: Waiting[] = [];
  let isClosing = false;
  const answerOne = ({ connection, get }: Waiting): WholeAnswer | Promise<WholeAnswer> => {
    try {
      const { url, host } = get;
      return application.answer({ method: "GET", url, host, socket: connection.socket });
    } catch (error) {
      failed(error);
      return TROUBLE;
    }
  };
  const sayLater = async (connection: Connection, answer: Promise<WholeAnswer>): Promise<void> => {
    const known = await answer.catch((error: unknown) => {
      failed(error);
      return TROUBLE;
    });
    connection.say(write(known), isClosing);
  };
  const answerAll = (): void => {
    const all = waiting;
    waiting = [];
    const answers: (string | Uint8Array | undefined)[] = [];
    try {
      together(() => {
        for (const one of all) {
          const answer = answerOne(one);
          const isLate = answer instanceof Promise;
          if (isLate) void sayLater(one.connection, answer);
          answers.push(isLate ? undefined : write(answer));
        }
      });
    } catch (error) {
      failed(error);
    }
    for (const [at, { connection }] of all.entries()) {
      const answer = at < answers.length ? answers[at] : write(TROUBLE);
      if (answer !== undefined) connection.say(answer, isClosing);
    }
  };
  const asked = (connection: Connection, get: PlainGet): void => {
    if (waiting.push({ connection, get }) === 1) setImmediate(answerAll);
  };
  return {
    take: (socket) => {
      const connection = new Connection(socket, options, asked);
      connections.add(connection);
      socket.once("close", () => connections.delete(connection));
    },
    close: () => {
      isClosing = true;
      for (const connection of connections) connection.endIfSilent();
    },
  };
}

/** One connection: at most one request is being answered, and nothing is read while its answer is on its way. */
class Connection {
  readonly socket: TLSSocket;
  readonly #options: FastLaneOptions;
  readonly #asked: (connection: Connection, get: PlainGet) => void;
  #isBusy = false;
  /** What came while a request was being answered. */
  readonly #early: Buffer[] = [];

  constructor(
    socket: TLSSocket,
    options: FastLaneOptions,
    asked: (connection: Connection, get: PlainGet) => void,
  ) {
    this.socket = socket;
    this.#options = options;
    this.#asked = asked;
    socket.setNoDelay(true);
    socket.setTimeout(options.headersMs);
    socket.on("timeout", this.#end);
    socket.on("error", this.#end);
    socket.on("drain", this.#goOn);
    socket.on("data", this.#read);
  }

  /** Sends an answer; `isLast` ends the connection behind it. */
  say(answer: string | Uint8Array, isLast: boolean): void {
    const { socket } = this;
    if (socket.destroyed) return;
    const isTaken =
      typeof answer === "string" ? socket.write(answer, "latin1") : socket.write(answer);
    if (isLast) socket.end();
    else if (isTaken) this.#goOn();
  }

  endIfSilent(): void {
    if (!this.#isBusy) this.#end();
  }

  readonly #end = (): void => {
    this.socket.destroy();
  };

  readonly #read = (chunk: Buffer): void => {
    if (this.#isBusy) {
      this.#early.push(chunk);
      this.socket.pause();
      return;
    }
    const get = readPlainGet(chunk);
    if (get === undefined) {
      this.#leave(chunk);
      return;
    }
    this.#isBusy = true;
    this.#asked(this, get);
  };

  /** The answer is with the system: the next request may come, or is here. */
  readonly #goOn = (): void => {
    if (!this.#isBusy) return;
    this.#isBusy = false;
    if (this.socket.timeout !== this.#options.idleMs) this.socket.setTimeout(this.#options.idleMs);
    // A client that sends the next request before it has the answer is better served by a real server.
    if (this.#early.length > 0) this.#leave(Buffer.concat(this.#early));
  };

  /**
   * Gives the connection up. Octets that came together may still be on their way up to the stream, and once Node's server
   * has the socket it reads past it: so it gets all that is here as one piece, after the turn in which it came.
   */
  #leave(first: Buffer): void {
    const { socket } = this;
    // Node's server ends it: closing the lane must not cut off a request that is at work there.
    this.#isBusy = true;
    socket.pause();
    socket.off("data", this.#read);
    socket.off("drain", this.#goOn);
    setImmediate(() => {
      if (socket.destroyed) return;
      const came = [first, ...whatIsHere(socket)];
      socket.off("timeout", this.#end);
      socket.off("error", this.#end);
      socket.setTimeout(0);
      socket.unshift(Buffer.concat(came));
      this.#options.handOver(socket);
      socket.resume();
    });
  }
}

function* whatIsHere(socket: TLSSocket): Generator<Buffer> {
  for (;;) {
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    yield chunk;
  }
}

/** An answer as it goes over the line, as Node's server would write it: text of ASCII alone, else octets. */
function makeWriter(options: FastLaneOptions): (answer: WholeAnswer) => string | Uint8Array {
  const { always, idleMs } = options;
  const keepAlive = `Connection: keep-alive\r\nKeep-Alive: timeout=${String(Math.floor(idleMs / SECOND))}\r\n\r\n`;
  // Few answers have headers of their own, so most begin alike.
  const beginnings = new WeakMap<readonly string[], string>();
  const beginningOf = (answer: WholeAnswer): string => {
    const known = beginnings.get(answer.headers);
    if (known !== undefined) return known;
    const line = `HTTP/1.1 ${String(answer.status)} ${STATUS_CODES[answer.status] ?? ""}\r\n`;
    const made = line + written(commonHeaders(always, answer));
    beginnings.set(answer.headers, made);
    return made;
  };
  let second = -1;
  let end = "";
  return (answer) => {
    const { body } = answer;
    const now = systemClock.now();
    const nowSecond = Math.floor(now.getTime() / SECOND);
    if (nowSecond !== second) {
      second = nowSecond;
      end = `Date: ${now.toUTCString()}\r\n${keepAlive}`;
    }
    const head = beginningOf(answer) + written(bodyHeaders(answer)) + end;
    return typeof body === "string"
      ? head + body
      : Buffer.concat([Buffer.from(head, "latin1"), body]);
  };
}

/** Names and values in turn, as lines. */
function written(headers: readonly string[]): string {
  let text = "";
  for (let at = 0; at < headers.length; at += 2) {
    text += `${headers[at] ?? ""}: ${headers[at + 1] ?? ""}\r\n`;
  }
  return text;
}
