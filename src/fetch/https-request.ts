import { X509Certificate } from "node:crypto";
import type { ClientRequest, IncomingMessage } from "node:http";
import { Agent, request as startRequest } from "node:https";
import { isIPv6 } from "node:net";
import type { PeerCertificate } from "node:tls";

import { errorText } from "../base/errors.ts";
import type { FetchLimits, GetRequest, GetResult } from "./request.ts";

/** What one request needs beside what was asked: the address that was checked, and the limits in force. */
export type PinnedRequest = GetRequest & {
  /** GET when absent: look-ups never use another one. */
  readonly method?: "GET" | "POST";
  readonly address: string;
  readonly ca: string | undefined;
  readonly limits: FetchLimits;
  readonly signal: AbortSignal;
};

const USER_AGENT = "sealpost/1";
const MAX_INTERIM_ANSWERS = 4;

/**
 * One request over TLS to exactly this address, with the host's name in SNI, `Host` and the certificate. Every phase has its
 * own time limit, header and body a size limit; what breaks one is `failed`. Follows no redirect.
 */
export async function requestPinned(o: PinnedRequest): Promise<GetResult> {
  // One connection for each request: nothing of one host is ever used for another.
  const agent = new Agent({ keepAlive: false, maxCachedSessions: 0 });
  const broken = new AbortController();
  const timer = phaseTimer((phase) => {
    broken.abort(new Error(`${phase}: too slow`));
  });
  const signal = AbortSignal.any([o.signal, broken.signal]);
  try {
    timer.start("connection", o.limits.connectMs);
    const response = await responseOf(open(o, agent, signal), o, timer);
    timer.start("body", o.limits.bodyMs);
    return await readResponse(response, o.limits.bodyBytes);
  } catch (error) {
    const reason: unknown = signal.aborted ? signal.reason : error;
    return { kind: "failed", reason: errorText(reason) };
  } finally {
    timer.stop();
    agent.destroy();
    broken.abort(); // Whatever is left of the connection is cut.
  }
}

type PhaseTimer = {
  readonly start: (phase: string, limitMs: number) => void;
  readonly stop: () => void;
};

function phaseTimer(onLate: (phase: string) => void): PhaseTimer {
  let timer: NodeJS.Timeout | undefined;
  const stop = () => {
    clearTimeout(timer);
  };
  return {
    stop,
    start: (phase, limitMs) => {
      stop();
      timer = setTimeout(() => {
        onLate(phase);
      }, limitMs);
    },
  };
}

function open(o: PinnedRequest, agent: Agent, signal: AbortSignal): ClientRequest {
  return startRequest({
    agent,
    signal,
    host: o.host,
    port: o.port,
    path: o.path,
    method: o.method ?? "GET",
    headers: {
      Accept: o.accept,
      ...(o.ifNoneMatch === undefined ? {} : { "If-None-Match": o.ifNoneMatch }),
      "Accept-Encoding": "identity",
      "User-Agent": USER_AGENT,
      Connection: "close",
    },
    // The address was checked before; a second resolution could give another one.
    lookup: (_host, options, callback) => {
      const family = isIPv6(o.address) ? 6 : 4;
      if (options.all === true) callback(null, [{ address: o.address, family }]);
      else callback(null, o.address, family);
    },
    servername: o.host,
    ca: o.ca,
    rejectUnauthorized: true,
    minVersion: "TLSv1.2",
    checkServerIdentity: (_host, certificate) =>
      identityError([o.host, ...(o.alsoNamed ?? [])], certificate),
    maxHeaderSize: o.limits.headerBytes,
    insecureHTTPParser: false,
  });
}

/**
 * The certificate must show one of the names as DNS-ID; its common name never counts, and a wildcard only as the whole
 * left-most label (RFC 9525 §6).
 */
function identityError(names: readonly string[], peer: PeerCertificate): Error | undefined {
  const certificate = new X509Certificate(peer.raw);
  const isNamed = names.some((name) => isNamedBy(certificate, name));
  return isNamed ? undefined : new Error("the certificate is for another name");
}

/** Whether a certificate shows a host's name, by the rules of look-ups. */
export function isNamedBy(certificate: X509Certificate, host: string): boolean {
  const options = { subject: "never", partialWildcards: false } as const;
  return certificate.checkHost(host, options) !== undefined;
}

async function responseOf(
  request: ClientRequest,
  o: PinnedRequest,
  timer: PhaseTimer,
): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  let interim = 0;
  request.on("socket", (socket) => {
    socket.once("connect", () => {
      timer.start("TLS", o.limits.tlsMs);
    });
    socket.once("secureConnect", () => {
      timer.start("answer", o.limits.firstByteMs);
    });
  });
  request.on("information", () => {
    interim += 1;
    if (interim > MAX_INTERIM_ANSWERS) request.destroy(new Error("too many interim answers"));
  });
  request.on("response", resolve);
  request.on("error", reject);
  request.on("close", () => {
    reject(new Error("closed without an answer"));
  });
  request.end();
  return promise;
}

async function readResponse(response: IncomingMessage, maxBytes: number): Promise<GetResult> {
  const encoding = response.headers["content-encoding"] ?? "identity";
  if (encoding.toLowerCase() !== "identity") {
    return { kind: "failed", reason: "the body is compressed" };
  }
  if (!isFramed(response)) {
    return { kind: "failed", reason: "the body has no end but that of the connection" };
  }
  if (Number(response.headers["content-length"] ?? 0) > maxBytes) {
    return { kind: "failed", reason: "the body is too large" };
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) return { kind: "failed", reason: "the body is too large" };
    chunks.push(chunk);
  }
  if (!response.complete) return { kind: "failed", reason: "the body is cut" };
  return {
    kind: "response",
    status: response.statusCode ?? 0,
    headers: headersOf(response),
    body: Buffer.concat(chunks),
  };
}

/** Where a body ends with the connection, nobody can tell a whole one from one that was cut (RFC 9112 §8). */
function isFramed({ headers, statusCode }: IncomingMessage): boolean {
  if (statusCode === 204 || statusCode === 304) return true;
  const isChunked = /(?:^|,)\s*chunked\s*$/i.test(headers["transfer-encoding"] ?? "");
  return isChunked || headers["content-length"] !== undefined;
}

function headersOf(response: IncomingMessage): ReadonlyMap<string, string> {
  return new Map(
    Object.entries(response.headersDistinct).map(([name, values = []]) => [
      name,
      values.join(", "),
    ]),
  );
}
