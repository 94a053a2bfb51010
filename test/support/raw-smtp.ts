/** An SMTP client that sends whatever bytes a test wants, and shows the replies as they come. */
import { once } from "node:events";
import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls, type SecureVersion } from "node:tls";

const REPLY_TIMEOUT_MS = 120_000;

export class RawSmtp implements AsyncDisposable {
  #socket: Socket;
  #received = "";
  #isEnded = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    this.#listen();
  }

  /** Connects and reads the greeting. */
  static async connect(
    place: { readonly host: string; readonly port: number },
    tls?: { readonly ca: string; readonly serverName: string },
  ): Promise<RawSmtp> {
    const { host, port } = place;
    const socket =
      tls === undefined
        ? connectTcp({ host, port })
        : connectTls({ host, port, ca: tls.ca, servername: tls.serverName });
    const client = new RawSmtp(socket);
    await client.reply();
    return client;
  }

  get isEnded(): boolean {
    return this.#isEnded;
  }

  write(bytes: Uint8Array | string): void {
    this.#socket.write(typeof bytes === "string" ? Buffer.from(bytes, "utf8") : bytes);
  }

  /** Sends a line and gives the reply to it, all its lines. */
  async ask(line: string): Promise<string> {
    this.write(`${line}\r\n`);
    return this.reply();
  }

  /** One line after the other; the last reply. */
  async all(lines: readonly string[]): Promise<string> {
    let last = "";
    for (const line of lines) last = await this.ask(line);
    return last;
  }

  /** The next reply. @throws Error when none comes in time; "" when the connection ended. */
  async reply(): Promise<string> {
    const late = AbortSignal.timeout(REPLY_TIMEOUT_MS);
    for (;;) {
      const whole = /^(?:\d{3}-.*\r\n)*\d{3}(?: .*)?\r\n/.exec(this.#received)?.[0];
      if (whole !== undefined) {
        this.#received = this.#received.slice(whole.length);
        return whole.trimEnd();
      }
      if (this.#isEnded) return "";
      await once(this.#socket, "change", { signal: late });
    }
  }

  /** What comes until the server ends the connection. */
  async rest(): Promise<string> {
    const late = AbortSignal.timeout(REPLY_TIMEOUT_MS);
    while (!this.#isEnded) await once(this.#socket, "change", { signal: late });
    return this.#received;
  }

  async startTls(tls: {
    readonly ca: string;
    readonly serverName: string;
    readonly maxVersion?: SecureVersion;
  }): Promise<void> {
    this.#socket.removeAllListeners();
    const { ca, serverName, maxVersion } = tls;
    const socket = connectTls({
      socket: this.#socket,
      ca,
      servername: serverName,
      ...(maxVersion === undefined ? {} : { minVersion: "TLSv1", maxVersion, ciphers: OLD }),
    });
    await once(socket, "secureConnect");
    this.#socket = socket;
    this.#listen();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#socket.destroy();
    return Promise.resolve();
  }

  #listen(): void {
    const socket = this.#socket;
    const changed = (isEnd: boolean): void => {
      this.#isEnded ||= isEnd;
      socket.emit("change");
    };
    socket.on("data", (chunk: Buffer) => {
      this.#received += chunk.toString();
      changed(false);
    });
    for (const event of ["end", "close", "error"]) {
      socket.on(event, () => {
        changed(true);
      });
    }
  }
}

/** Lets OpenSSL speak the versions that nobody should. */
const OLD = "DEFAULT@SECLEVEL=0";
