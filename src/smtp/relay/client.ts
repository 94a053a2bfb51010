/** The client's side of one SMTP connection: lines out, replies in, each wait with its limit. */
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

import { AppError } from "../../base/errors.ts";
import { isLoopback } from "../../base/network.ts";
import type { HopPlace } from "./hop.ts";

/** A reply of the other side: its code and the lines' texts. */
export type HopReply = { readonly code: number; readonly lines: readonly string[] };

/** RFC 5321 §4.5.3.1.5 allows 512; some servers are more talkative. */
const MAX_LINE_OCTETS = 2048;
const MAX_LINES = 128;
const CR_LF = /\r?\n/;

export class SmtpClient implements Disposable {
  #socket: Socket;
  #buffer = "";
  #failure: Error | undefined;
  #wake: (() => void) | undefined;
  #signal: AbortSignal | undefined;
  #isLocal = false;

  private constructor(socket: Socket, signal: AbortSignal | undefined) {
    this.#socket = socket;
    this.#signal = signal;
    this.#listen(socket);
  }

  /** @throws AppError when there is no connection in time. */
  static async connect(
    place: HopPlace,
    timeoutMs: number,
    signal?: AbortSignal,
  ): Promise<SmtpClient> {
    const isUnix = "socket" in place;
    const socket = isUnix
      ? connectTcp({ path: place.socket })
      : connectTcp({ host: place.host, port: place.port, noDelay: true });
    const client = new SmtpClient(socket, signal);
    await client.#until(() => !socket.connecting, timeoutMs, socket, "connect");
    client.#isLocal = isUnix || isLoopback(socket.remoteAddress ?? "");
    return client;
  }

  /** Nothing of the connection leaves this host. */
  get isLocal(): boolean {
    return this.#isLocal;
  }

  get isTls(): boolean {
    return "encrypted" in this.#socket;
  }

  /** Nothing has come that nobody asked for, and the connection stands. */
  get isQuiet(): boolean {
    return this.#failure === undefined && this.#buffer === "" && this.#socket.writable;
  }

  /** From now on `signal` ends what is waited for. */
  follow(signal: AbortSignal | undefined): void {
    this.#signal = signal;
  }

  /** To be called after the 220 to STARTTLS. @throws AppError when the other side is not who it should be. */
  async secure(
    o: { readonly serverName: string; readonly isChecked: boolean; readonly ca?: string },
    timeoutMs: number,
  ): Promise<void> {
    // RFC 3207 §6: what came in clear behind the 220 is not from the server.
    if (this.#buffer !== "")
      throw new AppError("more than a reply before TLS", { temporary: true });
    this.#socket.removeAllListeners();
    this.#socket.on("error", () => undefined); // The TLS socket above it says the same.
    const socket = connectTls({
      socket: this.#socket,
      host: o.serverName,
      ...(isIP(o.serverName) === 0 ? { servername: o.serverName } : {}),
      rejectUnauthorized: o.isChecked,
      ...(o.ca === undefined ? {} : { ca: o.ca }),
      minVersion: "TLSv1.2",
    });
    this.#socket = socket;
    this.#listen(socket);
    let isSecure = false;
    socket.once("secureConnect", () => {
      isSecure = true;
    });
    await this.#until(() => isSecure, timeoutMs, socket, "secureConnect");
  }

  /** Sends lines, then waits for as many replies. @throws AppError when they do not come in time. */
  async ask(commands: readonly string[], timeoutMs: number): Promise<readonly HopReply[]> {
    if (commands.some((line) => /[\r\n\0]/.test(line))) {
      throw new AppError("a line end in an SMTP command", { temporary: false });
    }
    this.#socket.write(commands.map((line) => `${line}\r\n`).join(""));
    const replies: HopReply[] = [];
    for (const _command of commands) replies.push(await this.reply(timeoutMs));
    return replies;
  }

  /** The next reply. @throws AppError when none comes in time, or one that is none. */
  async reply(timeoutMs: number): Promise<HopReply> {
    let taken: HopReply | undefined;
    await this.#until(() => {
      taken = this.#take();
      return taken !== undefined;
    }, timeoutMs);
    if (taken === undefined) throw new AppError("no reply", { temporary: true });
    return taken;
  }

  /** Sends bytes; waits while the other side does not take them. */
  async send(bytes: Uint8Array, timeoutMs: number): Promise<void> {
    // What is sent at the same time leaves in one system call.
    const socket = this.#socket;
    socket.cork();
    process.nextTick(() => {
      socket.uncork();
    });
    if (socket.write(bytes)) return;
    await this.#until(() => !socket.writableNeedDrain, timeoutMs, socket, "drain");
  }

  /** Says QUIT and waits for nothing. */
  quit(): void {
    this.#socket.end("QUIT\r\n");
  }

  /** Ends the connection, after what was written. */
  [Symbol.dispose](): void {
    this.#socket.destroySoon();
  }

  #listen(socket: Socket): void {
    const fail = (error: Error): void => {
      this.#failure ??= error;
      this.#wake?.();
    };
    socket.on("data", (chunk: Buffer) => {
      this.#buffer += chunk.toString("latin1");
      this.#wake?.();
    });
    socket.on("error", fail);
    socket.on("end", () => {
      fail(new Error("the connection was closed"));
    });
    socket.on("close", () => {
      fail(new Error("the connection was closed"));
    });
  }

  /** One whole reply out of what has come (RFC 5321 §4.2.1); undefined while it is not complete. */
  #take(): HopReply | undefined {
    const lines: string[] = [];
    let rest = this.#buffer;
    for (;;) {
      const end = rest.indexOf("\n");
      if ((end < 0 ? rest.length : end) > MAX_LINE_OCTETS || lines.length > MAX_LINES) {
        throw new AppError("a reply that is too long", { temporary: true });
      }
      if (end < 0) return undefined;
      const line = rest.slice(0, end + 1).replace(CR_LF, "");
      rest = rest.slice(end + 1);
      const [, code = "", mark = " ", text = ""] = /^([2-5]\d\d)(?:([- ])(.*))?$/.exec(line) ?? [];
      if (code === "") throw new AppError("a reply that is no SMTP", { temporary: true });
      lines.push(text);
      if (mark === "-") continue;
      this.#buffer = rest;
      return {
        code: Number(code),
        lines: lines.map((one) => Buffer.from(one, "latin1").toString()),
      };
    }
  }

  async #until(
    isDone: () => boolean,
    timeoutMs: number,
    socket?: Socket,
    event?: string,
  ): Promise<void> {
    const time = { isOver: false };
    const wake = (): void => this.#wake?.();
    const timer = setTimeout(() => {
      time.isOver = true;
      wake();
    }, timeoutMs).unref();
    if (event !== undefined) socket?.on(event, wake);
    // Signals made for each wait cost more than the wait itself: each makes an error when it ends.
    const signal = this.#signal;
    signal?.addEventListener("abort", wake);
    try {
      while (!isDone()) {
        if (this.#failure !== undefined) {
          throw new AppError(this.#failure.message, { temporary: true, cause: this.#failure });
        }
        if (time.isOver || signal?.aborted === true) {
          this.#socket.destroy();
          throw new AppError("no answer in time", { temporary: true });
        }
        const { promise, resolve } = Promise.withResolvers<void>();
        this.#wake = resolve;
        await promise;
      }
    } finally {
      this.#wake = undefined;
      clearTimeout(timer);
      if (event !== undefined) socket?.off(event, wake);
      signal?.removeEventListener("abort", wake);
    }
  }
}
