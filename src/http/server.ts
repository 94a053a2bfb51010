/**
 * HTTP for whoever asks from outside: `startHttps` serves a `fetch` function (a Hono application's, for instance) or, where
 * each microsecond counts, an `answer` function, with limits on everything a client sends, and with headers that every
 * answer carries unless the application says otherwise.
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
import type { TLSSocket } from "node:tls";

import { getRequestListener, type HttpBindings } from "@hono/node-server";

import { MINUTE, SECOND } from "../base/time.ts";
import { refuseMethod, refuser, endAfter, hasBody, plain } from "./refuse.ts";
import { securityHeaders } from "./security-headers.ts";
import { makeFastLane, type FastLane } from "./fast-lane.ts";
import { wholeResponder, type WholeApplication } from "./whole-answer.ts";

/** What an application finds in `c.env`: Node's own request and response. */
export type Bindings = HttpBindings;

/** Either speaks the platform's `Request` and `Response`, or answers whole and reads no body. */
export type HttpApplication =
  | { readonly fetch: (request: Request, bindings: Bindings) => Response | Promise<Response> }
  | WholeApplication;

export type HttpOptions = HttpApplication & {
  readonly host: string;
  readonly port: number;
  /** Everything else is answered 405 before the application sees it, without reading its body. Default: all. */
  readonly methods?: readonly string[];
  /** On every answer, refusals too, beside the security headers. */
  readonly headers?: readonly (readonly [name: string, value: string])[];
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
  const lane = "answer" in options ? openFastLane(server, options, limits) : undefined;
  const running = await listen(server, options, limits, lane);
  return {
    ...running,
    useTls: (tls) => {
      server.setSecureContext({ cert: tls.cert, key: tls.key, minVersion: "TLSv1.2" });
    },
  };
}

/** Node's own server gets a connection when the fast lane gives it up; until then it has only counted it. */
function openFastLane(
  server: TlsServer,
  options: HttpOptions & WholeApplication,
  limits: HttpLimits,
): FastLane {
  const [serve, ...others] = server.listeners("secureConnection");
  if (serve === undefined || others.length > 0) {
    throw new Error("this Node.js serves HTTPS connections in another way");
  }
  const lane = makeFastLane({
    application: options,
    always: headersOfAll(options).flat(),
    headersMs: limits.headersMs,
    idleMs: limits.idleMs,
    failed: failing(options),
    handOver: (socket) => {
      Reflect.apply(serve, server, [socket]);
    },
  });
  server.off("secureConnection", serve as (socket: TLSSocket) => void);
  server.on("secureConnection", lane.take);
  return lane;
}

function failing(options: HttpOptions): (error: unknown) => void {
  return (error) => options.failed?.(error);
}

function headersOfAll(options: HttpOptions): readonly (readonly [name: string, value: string])[] {
  return [...securityHeaders, ...(options.headers ?? [])];
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
  lane?: FastLane,
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
  server.on("clientError", refuser(headersOfAll(options)));
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
      lane?.close();
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
  const always = headersOfAll(options);
  const respond =
    "answer" in options
      ? wholeResponder(options, always.flat(), failing(options))
      : fetchResponder(options);
  return (request, response) => {
    if (request.httpVersionMajor !== 1) {
      request.socket.destroy(); // HTTP/0.9: a line without a version.
      return;
    }
    const isRefused = !isAllowed(options, request);
    if (isRefused || "fetch" in options) {
      for (const [name, value] of always) response.setHeader(name, value);
    }
    if (isRefused) {
      refuseMethod(options.methods ?? [], request, response);
      return;
    }
    if (options.methods !== undefined && hasBody(request)) endAfter(request, response);
    respond(request, response);
  };
}

function fetchResponder(options: Extract<HttpOptions, { fetch: unknown }>): Responder {
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
  return (request, response) => void listener(request, response);
}

function isAllowed({ methods }: HttpOptions, { method = "" }: IncomingMessage): boolean {
  return methods === undefined || methods.includes(method);
}

/** `RequestError` of the adapter: the request's address cannot be read. */
function isBadRequest(error: unknown): boolean {
  return error instanceof Error && error.name === "RequestError";
}
