/**
 * A listener on the wire: stands before an SMTP server, passes everything through and keeps what the client sends.
 * It takes the offer of STARTTLS out of the server's greeting, so that it sees what an attacker there would see.
 */
import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";
import { pipeline, Transform } from "node:stream";
import { portOf } from "./ports.ts";
import type { Place } from "./world.ts";

export class Recorder implements AsyncDisposable {
  readonly place: Place;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #recorded: Buffer[] = [];

  constructor(server: Server, host: string, target: Place) {
    this.#server = server;
    this.place = { host, port: portOf(server) };
    server.on("connection", (client) => {
      this.#pass(client, target);
    });
  }

  /** Everything that clients have sent since the last call. */
  take(): Buffer {
    const all = Buffer.concat(this.#recorded);
    this.#recorded = [];
    return all;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, "close");
  }

  #pass(client: Socket, target: Place): void {
    const server = connect(target.port, target.host);
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.once("close", () => this.#sockets.delete(socket));
    }
    client.on("data", (bytes: Buffer) => this.#recorded.push(bytes));
    // Each direction ends the other when it ends or breaks; the client sees what the server did.
    pipeline(client, server, () => server.destroy());
    pipeline(server, withoutStartTls(), client, () => client.destroy());
  }
}

/** Starts a recorder on a port of its own before the server at `target`. */
export async function startRecorder(host: string, target: Place): Promise<Recorder> {
  const server = createServer();
  server.listen(0, host);
  await once(server, "listening");
  return new Recorder(server, host, target);
}

/** An offer of the same length that nobody knows: the reply keeps its form wherever it stands in it. */
function withoutStartTls(): Transform {
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      done(null, Buffer.from(chunk.toString("latin1").replace("STARTTLS", "XXXXXXXX"), "latin1"));
    },
  });
}
