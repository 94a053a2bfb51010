/**
 * HTTPS for whoever asks from outside: `startHttps` serves an application that answers whole and reads no body.
 * Everything that a client sends has limits. Every answer carries the same headers unless the application says otherwise.
 */
import { once } from "node:events";
import type { IncomingMessage, ServerOptions, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";

import { Crowd } from "../../base/crowd.ts";
import { MINUTE, SECOND } from "../../base/time.ts";
import { makeFastLane, type FastLane } from "./fast-lane.ts";
import { endAfter, hasBody, hasProperHost, refuseHost, refuseMethod, refuser } from "./refuse.ts";
import { securityHeaders } from "./security-headers.ts";
import { trackAnswers, type UnderWay } from "./under-way.ts";
import { wholeResponder, type WholeApplication } from "./whole-answer.ts";

export type HttpOptions = WholeApplication & {
  readonly tls: HttpTls;
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
  /** Of one network (/24 or /48), unless it is trusted. */
  readonly connectionsPerNetwork: number;
  /** Networks that `connections` alone holds for. */
  readonly isTrusted: (address: string) => boolean;
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
  connectionsPerNetwork: 200,
  isTrusted: () => false,
  headersMs: 10 * SECOND,
  requestMs: MINUTE,
  idleMs: 10 * SECOND,
  closeMs: 5 * SECOND,
};
const MAX_HEADERS = 100;
const CHECK_TIMES_EVERY_MS = SECOND;

export type HttpsServer = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  /** Takes a renewed certificate for new connections. */
  readonly useTls: (tls: HttpTls) => void;
};

/** TLS 1.2 or later, nothing else on that port. @throws Error when it cannot listen there. */
export async function startHttps(options: HttpOptions): Promise<HttpsServer> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const { cert, key } = options.tls;
  const server = createServer({
    ...serverOptions(limits),
    cert,
    key,
    minVersion: "TLSv1.2",
    // Of two that a client offers, the first here is taken (RFC 7301 §3.2).
    ALPNProtocols: ["http/1.1", "http/1.0"],
    handshakeTimeout: limits.headersMs,
  });
  skipTurnedAway(server);
  const lane = openFastLane(server, options, limits);
  return {
    ...(await listen(server, options, limits, lane)),
    useTls: (tls) => {
      server.setSecureContext({ cert: tls.cert, key: tls.key, minVersion: "TLSv1.2" });
    },
  };
}

/** For a connection that was turned away no TLS is begun: that would cost more than all the rest of it. */
function skipTurnedAway(server: Server): void {
  const [secure, ...others] = server.listeners("connection");
  if (secure === undefined || others.length > 0) {
    throw new Error("this Node.js takes HTTPS connections in another way");
  }
  server.off("connection", secure as (socket: Socket) => void);
  server.on("connection", (socket) => {
    if (!socket.destroyed) Reflect.apply(secure, server, [socket]);
  });
}

/** Node's own server gets a connection when the fast lane gives it up; until then it has only counted it. */
function openFastLane(server: Server, options: HttpOptions, limits: HttpLimits): FastLane {
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

function serverOptions(limits: HttpLimits): ServerOptions {
  return {
    maxHeaderSize: limits.headerBytes,
    headersTimeout: limits.headersMs,
    requestTimeout: limits.requestMs,
    keepAliveTimeout: limits.idleMs,
    connectionsCheckingInterval: CHECK_TIMES_EVERY_MS,
    insecureHTTPParser: false,
    // We look ourselves: Node lets a second one pass, and its refusal has none of our header fields.
    requireHostHeader: false,
  };
}

async function listen(
  server: Server,
  options: HttpOptions,
  limits: HttpLimits,
  lane: FastLane,
): Promise<Omit<HttpsServer, "useTls">> {
  server.maxHeadersCount = MAX_HEADERS;
  const underWay = trackAnswers();
  const respond = responder(options, underWay);
  server.on("request", respond);
  server.on("checkExpectation", respond);
  // Instead of Node's own "100 Continue": a request that will be refused must not send its body.
  server.on("checkContinue", (request: IncomingMessage, response: ServerResponse) => {
    if (isAllowed(options, request) && hasProperHost(request)) response.writeContinue();
    respond(request, response);
  });
  server.on("clientError", refuser(headersOfAll(options), underWay));
  const crowd = new Crowd(server, {
    connections: limits.connections,
    perNetwork: limits.connectionsPerNetwork,
    isTrusted: limits.isTrusted,
  });
  server.listen(options.port, options.host);
  await once(server, "listening");
  // A connection that cannot be accepted (no descriptor left, accept(2)); unheard, the event would end the process.
  server.on("error", failing(options));
  const { address: host, port } = server.address() as AddressInfo;
  return {
    host,
    port,
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeIdleConnections();
      lane.close();
      const late = setTimeout(() => {
        for (const socket of crowd.sockets) socket.destroy();
      }, limits.closeMs);
      await closed;
      crowd[Symbol.dispose]();
      clearTimeout(late);
    },
  };
}

type Responder = (request: IncomingMessage, response: ServerResponse) => void;

function responder(options: HttpOptions, underWay: UnderWay): Responder {
  const always = headersOfAll(options);
  const respond = wholeResponder(options, always.flat(), failing(options));
  return (request, response) => {
    if (request.httpVersionMajor !== 1) {
      request.socket.destroy(); // HTTP/0.9: a line without a version.
      return;
    }
    underWay.begin(response);
    const isHostRefused = !hasProperHost(request);
    if (isHostRefused || !isAllowed(options, request)) {
      for (const [name, value] of always) response.setHeader(name, value);
      if (isHostRefused) refuseHost(request, response);
      else refuseMethod(options.methods ?? [], request, response);
      return;
    }
    if (options.methods !== undefined && hasBody(request)) endAfter(request, response);
    respond(request, response);
  };
}

function isAllowed({ methods }: HttpOptions, { method = "" }: IncomingMessage): boolean {
  return methods === undefined || methods.includes(method);
}
