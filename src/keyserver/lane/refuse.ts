/** What is refused before any application sees it: other methods, and what is no HTTP. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

import type { UnderWay } from "./under-way.ts";

/** RFC 9110 §15.5.6. The body, if there is one, is not read: the connection ends with the answer. */
export function refuseMethod(
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

/** RFC 9112 §3.2: Host once, no more; without it only HTTP/1.0. */
export function hasProperHost({ headersDistinct, httpVersion }: IncomingMessage): boolean {
  const count = headersDistinct["host"]?.length ?? 0;
  return count === 1 || (count === 0 && httpVersion === "1.0");
}

/** Nothing behind it is read. */
export function refuseHost(request: IncomingMessage, response: ServerResponse): void {
  endAfter(request, response);
  response.writeHead(400, { "Cache-Control": "no-store", "Content-Length": "0" }).end();
}

export function hasBody({ headers }: IncomingMessage): boolean {
  const { "content-length": length = "0", "transfer-encoding": encoding } = headers;
  return encoding !== undefined || length !== "0";
}

/** What stands behind an unread body would be read as the next request: there is none on this connection. */
export function endAfter(request: IncomingMessage, response: ServerResponse): void {
  request.pause();
  response.shouldKeepAlive = false;
  response.once("finish", () => request.socket.destroySoon());
}

/**
 * For what is no HTTP, too large or too slow; also a handshake without TLS. Where it comes behind a request whose answer is
 * still to leave, that answer ends the connection: a refusal would be taken for it.
 */
export function refuser(
  always: readonly (readonly [name: string, value: string])[],
  underWay: UnderWay,
): (error: NodeJS.ErrnoException, socket: Duplex) => void {
  const headers = always.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return (error, socket) => {
    if (!socket.writable || error.code === "ECONNRESET") {
      socket.destroy();
      return;
    }
    const last = underWay.lastOf(socket);
    if (last !== undefined) {
      last.once("finish", () => socket.end());
      return;
    }
    const status =
      {
        HPE_HEADER_OVERFLOW: "431 Request Header Fields Too Large",
        ERR_HTTP_REQUEST_TIMEOUT: "408 Request Timeout",
      }[error.code ?? ""] ?? "400 Bad Request";
    socket.end(
      `HTTP/1.1 ${status}\r\n${headers}Cache-Control: no-store\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
    );
  };
}
