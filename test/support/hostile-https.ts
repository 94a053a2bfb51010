/**
 * An HTTPS server that behaves as the path says, byte by byte: it is written on bare TLS, so that it can break HTTP.
 * `/pks/lookup` behaves as `lookup` says at that moment.
 */
import { once } from "node:events";
import { type Server, type Socket, createServer as createTcpServer } from "node:net";
import { type TLSSocket, type TlsOptions, createServer } from "node:tls";
import { gzipSync } from "node:zlib";

/** What to answer: bytes to send and then close, or a function that does what it likes with the connection. */
export type Behaviour = string | Uint8Array | ((socket: TLSSocket) => void);

export type HostileServer = AsyncDisposable & {
  readonly port: number;
  /** The requests that came in, head lines included. */
  readonly requests: string[];
  behaviour: Behaviour;
};

export async function startHostile(
  host: string,
  tls: TlsOptions,
  behaviour: Behaviour = "",
): Promise<HostileServer> {
  const requests: string[] = [];
  const sockets = new Set<TLSSocket>();
  const server = createServer(tls, (socket) => {
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => undefined);
    socket.on("data", (chunk) => {
      requests.push(chunk.toString());
      if (typeof hostile.behaviour === "function") hostile.behaviour(socket);
      else socket.end(hostile.behaviour);
    });
  });
  server.on("tlsClientError", () => undefined);
  const port = await listening(server, host);
  const hostile: HostileServer = {
    port,
    requests,
    behaviour,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
  return hostile;
}

/** A TCP server that resets every connection, or, if `isSilent`, never says a word. */
export async function startBroken(host: string, isSilent: boolean) {
  const sockets = new Set<Socket>();
  const server = createTcpServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    if (!isSilent) socket.resetAndDestroy();
    else socket.resume();
  });
  const port = await listening(server, host);
  return {
    port,
    [Symbol.asyncDispose]: async () => {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

async function listening(server: Server, host: string): Promise<number> {
  server.listen(0, host);
  await once(server, "listening");
  const address = server.address();
  return address !== null && typeof address === "object" ? address.port : 0;
}

/** An answer with a right length. */
export function answer(
  status: number,
  body: string | Uint8Array = "",
  headers: readonly string[] = [],
): Uint8Array {
  const bytes = Buffer.from(body);
  const head = [`HTTP/1.1 ${status} X`, `Content-Length: ${bytes.length}`, ...headers, "", ""];
  return Buffer.concat([Buffer.from(head.join("\r\n")), bytes]);
}

const OK = "HTTP/1.1 200 OK\r\n";
const LITTLE = Buffer.alloc(64 * 1024, "a");

/** Behaviours that must all come out as "no answer", within the limits. */
export const HOSTILE: Readonly<Record<string, Behaviour>> = {
  "says nothing": () => undefined,
  "closes at once": (socket) => socket.end(),
  "breaks off": (socket) => socket.destroy(),
  "drips its header": (socket) => drip(socket, OK, "X"),
  "drips its body": (socket) => drip(socket, `${OK}Content-Length: 9999\r\n\r\n`, "x"),
  "drips chunks": (socket) => drip(socket, `${OK}Transfer-Encoding: chunked\r\n\r\n`, "1\r\nx\r\n"),
  "sends an endless body": (socket) => flood(socket, `${OK}\r\n`, LITTLE),
  "sends endless chunks": (socket) =>
    flood(
      socket,
      `${OK}Transfer-Encoding: chunked\r\n\r\n`,
      Buffer.concat([Buffer.from("10000\r\n"), LITTLE, Buffer.from("\r\n")]),
    ),
  "sends an endless header": (socket) => flood(socket, `${OK}X: `, LITTLE),
  "sends endless header lines": (socket) => flood(socket, OK, Buffer.from("X: y\r\n".repeat(100))),
  "sends endless interim answers": (socket) =>
    flood(socket, "", Buffer.from("HTTP/1.1 103 Early\r\n\r\n")),
  "sends endless trailers": (socket) =>
    flood(
      socket,
      `${OK}Transfer-Encoding: chunked\r\n\r\n0\r\n`,
      Buffer.from("X: y\r\n".repeat(100)),
    ),
  "announces a gigabyte": `${OK}Content-Length: 1073741824\r\n\r\nx`,
  "announces more than it sends": `${OK}Content-Length: 100\r\n\r\nshort`,
  "announces two lengths": `${OK}Content-Length: 3\r\nContent-Length: 5\r\n\r\nabcde`,
  "announces a length and chunks": `${OK}Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`,
  "announces a negative length": `${OK}Content-Length: -1\r\n\r\nabc`,
  "cuts its chunks": `${OK}Transfer-Encoding: chunked\r\n\r\nff\r\nabc`,
  "ends its body with the connection": `${OK}Content-Type: text/plain\r\n\r\nwhole?`,
  "ends an absence with the connection": "HTTP/1.1 404 Not Found\r\n\r\nno such key",
  "is HTTP/1.0 without a length": "HTTP/1.0 200 OK\r\n\r\nwhole?",
  "encodes its body without chunks": `${OK}Transfer-Encoding: identity\r\n\r\nwhole?`,
  compresses: answer(200, gzipSync("x".repeat(1000)), ["Content-Encoding: gzip"]),
  "is no HTTP": "SSH-2.0-OpenSSH_9.2\r\n",
  "is HTTP 0.9": "hello",
  "switches protocols": "HTTP/1.1 101 Switching\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n",
  "redirects to another host": answer(302, "", ["Location: https://evil.test/x"]),
  "redirects to another port": answer(302, "", ["Location: https://keys.alpha.test:1/x"]),
  "redirects to plain HTTP": answer(302, "", ["Location: http://keys.alpha.test/x"]),
  "redirects with a password": answer(302, "", ["Location: //u:p@keys.alpha.test/x"]),
  "redirects nowhere": answer(302, ""),
  "redirects for ever": answer(307, "", ["Location: /again"]),
};

const DRIP_MS = 10;

function drip(socket: TLSSocket, first: string, drop: string): void {
  socket.write(first);
  const timer = setInterval(() => socket.write(drop), DRIP_MS);
  socket.once("close", () => {
    clearInterval(timer);
  });
}

function flood(socket: TLSSocket, first: string, wave: Uint8Array): void {
  socket.write(first);
  const push = () => {
    while (!socket.destroyed && socket.write(wave));
  };
  socket.on("drain", push);
  push();
}
