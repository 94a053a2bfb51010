/**
 * HTTP for whoever asks from outside: `startHttps` serves a `fetch` function (a Hono application's, for instance) with
 * limits on everything a client sends, and with headers that every answer carries unless the application says otherwise.
 */
import { once } from "node:events";
import {
  createServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
  type ServerResponse,
} from "node:http";
import { createServer as createTlsServer, type Server as TlsServer } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { Duplex } from "node:stream";

import { getRequestListener, type HttpBindings } from "@hono/node-server";

import { MINUTE, SECOND } from "../base/time.ts";
import { securityHeaders } from "./security-headers.ts";

/** What an application finds in `c.env`: Node's own request and response. */
export type Bindings = HttpBindings;

export type HttpOptions = {
  readonly host: string;
  readonly port: number;
  readonly fetch: (request: Request, bindings: Bindings) => Response | Promise<Response>;
  /** Everything else is answered 405 before `fetch` sees it, without reading its body. Default: all. */
  readonly methods?: readonly string[];
  readonly limits?: Partial<HttpLimits>;
  /** Told of what the application threw; for the log. */
  readonly failed?: (error: unknown) => void;
};

/** PEM texts. */
export type HttpTls = { readonly cert: string; readonly key: string };

export type HttpLimits = {
  readonly headerBytes: number;
  readonly connections: number;
  /** For the header of a request; the whole of a request; silence between two. */
  readonly headersMs: number;
  readonly requestMs: number;
  readonly idleMs: number;
  /** What running requests get when the server is disposed. */
  readonly closeMs: number;
};

const DEFAULT_LIMITS: HttpLimits = {
  headerBytes: 16 * 1024,
  connections: 2000,
  headersMs: 10 * SECOND,
  requestMs: MINUTE,
  idleMs: 10 * SECOND,
  closeMs: 5 * SECOND,
};
const MOST_HEADERS = 100;
const CHECK_TIMES_EVERY_MS = SECOND;

export type HttpServer = AsyncDisposable & { readonly host: string; readonly port: number };

export type HttpsServer = HttpServer & {
  /** Takes a renewed certificate for new connections. */
  readonly useTls: (tls: HttpTls) => void;
};

/** TLS 1.2 or later, nothing else on that port. @throws Error when it cannot listen there. */
export async function startHttps(
  options: HttpOptions & { readonly tls: HttpTls },
): Promise<HttpsServer> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const { cert, key } = options.tls;
  const server = createTlsServer({
    ...serverOptions(limits),
    cert,
    key,
    minVersion: "TLSv1.2",
    handshakeTimeout: limits.headersMs,
  });
  const running = await listen(server, options, limits);
  return {
    ...running,
    useTls: (tls) => {
      server.setSecureContext({ cert: tls.cert, key: tls.key, minVersion: "TLSv1.2" });
    },
  };
}

/** Without TLS: for private listeners on loopback only. @throws Error when it cannot listen there. */
export async function startHttp(options: HttpOptions): Promise<HttpServer> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  return listen(createServer(serverOptions(limits)), options, limits);
}

function serverOptions(limits: HttpLimits): ServerOptions {
  return {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: CHECK_TIMES_EVERY_MS,
    insecureHTTPParser: false,
  };
}

async function listen(
  server: Server | TlsServer,
  options: HttpOptions,
  limits: HttpLimits,
): Promise<HttpServer> {
  server.maxConnections = limits.connections;
  server.maxHeadersCount = MOST_HEADERS;
  const respond = responder(options);
  server.on("request", respond);
  // Instead of Node's own "100 Continue": a request that will be refused must not send its body.
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    if (isAllowed(options, request)) response.writeContinue();
    respond(request, response);
  });
  server.on("clientError", refuseUnreadable);
  const sockets = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    sockets.add(socket);
    socket.once("close", () => sockets.delete(socket));
  });
  server.listen(options.port, options.host);
  await once(server, "listening");
  const { address: host, port } = server.address() as AddressInfo;
  return {
    host,
    port,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeIdleConnections();
      const late = setTimeout(() => {
        for (const socket of sockets) socket.destroy();
      }, limits.closeMs);
      await closed;
      clearTimeout(late);
    },
  };
}

type Responder = (request: IncomingMessage, response: ServerResponse) => void;

function responder(options: HttpOptions): Responder {
  const listener = getRequestListener(
    // On a server made by node:http the bindings are always those of HTTP/1.
    (request, bindings) => options.fetch(request, bindings as Bindings),
    {
      // HTTP/1.0 needs no Host.
      hostname: "localhost",
      overrideGlobalObjects: false,
      errorHandler: (error) => {
        if (isBadRequest(error)) return plain(400, "bad request\n");
        options.failed?.(error);
        return plain(500, "temporary trouble here; try again later\n");
      },
    },
  );
  return (request, response) => {
    for (const [name, value] of securityHeaders) response.setHeader(name, value);
    if (request.httpVersionMajor !== 1) {
      request.socket.destroy(); // HTTP/0.9: a line without a version.
      return;
    }
    if (!isAllowed(options, request)) {
      refuseMethod(options.methods ?? [], request, response);
      return;
    }
    if (options.methods !== undefined && hasBody(request)) endAfter(request, response);
    void listener(request, response);
  };
}

function isAllowed({ methods }: HttpOptions, { method = "" }: IncomingMessage): boolean {
  return methods === undefined || methods.includes(method);
}

/** RFC 9110 §15.5.6. The body, if there is one, is not read: the connection ends with the answer. */
function refuseMethod(
  methods: readonly string[],
  request: IncomingMessage,
  response: ServerResponse,
): void {
  if (hasBody(request)) endAfter(request, response);
  response.writeHead(405, {
    Allow: methods.join(", "),
    "Cache-Control": "no-store",
    "Content-Type": "text/plain; charset=utf-8",
  });
  response.end("method not allowed\n");
}

function hasBody({ headers }: IncomingMessage): boolean {
  const { "content-length": length = "0", "transfer-encoding": encoding } = headers;
  return encoding !== undefined || length !== "0";
}

/** What stands behind an unread body would be read as the next request: there is none on this connection. */
function endAfter(request: IncomingMessage, response: ServerResponse): void {
  request.pause();
  response.setHeader("Connection", "close");
  response.once("finish", () => request.socket.destroySoon());
}

/** What is no HTTP, too large or too slow; also a handshake without TLS. */
function refuseUnreadable(error: NodeJS.ErrnoException, socket: Duplex): void {
  if (!socket.writable || error.code === "ECONNRESET") {
    socket.destroy();
    return;
  }
  const status =
    {
      HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
      ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
    }[error.code ?? ""] ?? "400 Bad Request";
  const headers = securityHeaders.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  socket.end(
    `HTTP/1.1 ${status}\r\n${headers}Cache-Control: no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
  );
}

/** `RequestError` of the adapter: the request's address cannot be read. */
function isBadRequest(error: unknown): boolean {
  return error instanceof Error && error.name === "RequestError";
}

function plain(status: number, text: string): Response {
  return new Response(text, {
    status,
    headers: { "Content-Type": "text/plain; charset=utf-8", "Cache-Control": "no-store" },
  });
}
