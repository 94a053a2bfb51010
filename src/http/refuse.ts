/** What is refused before any application sees it: other methods, and what is no HTTP. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";

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

export function hasBody({ headers }: IncomingMessage): boolean {
  const { "content-length": length = "0", "transfer-encoding": encoding } = headers;
  return encoding !== undefined || length !== "0";
}

/** What stands behind an unread body would be read as the next request: there is none on this connection. */
export function endAfter(request: IncomingMessage, response: ServerResponse): void {
  request.pause();
  response.setHeader("Connection", "close");
  response.once("finish", () => request.socket.destroySoon());
}

/** For what is no HTTP, too large or too slow; also a handshake without TLS. */
export function refuser(
  always: readonly (readonly [name: string, value: string])[],
): (error: NodeJS.ErrnoException, socket: Duplex) => void {
  const headers = always.map(([name, value]) => `${name}: ${value}\r\n`).join("");
  return (error, socket) => {
    if (!socket.writable || error.code === "ECONNRESET") {
      socket.destroy();
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
