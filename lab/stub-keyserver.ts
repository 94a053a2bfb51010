/** A keyserver that is not ours: serves given certificates over HTTPS, or behaves as badly as a test wants. */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:https";
import type { Socket } from "node:net";
import { portOf } from "./ports.ts";

export type StubBehaviour =
  | { readonly kind: "normal" }
  | {
      readonly kind: "status";
      readonly status: number;
      readonly headers?: Readonly<Record<string, string>>;
    }
  | {
      readonly kind: "body";
      readonly body: Uint8Array | string;
      readonly contentType?: string;
    }
  | { readonly kind: "redirect"; readonly location: string; readonly status?: number }
  /** Half of the answer, then the connection ends. */
  | { readonly kind: "truncated" }
  | { readonly kind: "endless" }
  | { readonly kind: "slow"; readonly byteEveryMs: number }
  | { readonly kind: "reset" }
  /** Takes the request and never answers. */
  | { readonly kind: "silent" };

export type StubKeyserverOptions = {
  readonly host: string;
  /** 0 or absent: any. */
  readonly port?: number;
  /** PEM texts. */
  readonly tls: { readonly cert: string; readonly key: string };
  /** Armored certificates by address. */
  readonly certificates: Readonly<Record<string, string>>;
  readonly behaviour?: StubBehaviour;
};

export type StubKeyserver = AsyncDisposable & {
  readonly host: string;
  readonly port: number;
  /** Path and query of every request so far. */
  readonly requests: readonly string[];
  /** Changes what it does from the next request on. */
  readonly behave: (behaviour: StubBehaviour) => void;
  readonly publish: (address: string, armored: string) => void;
};

const KEYS = "application/pgp-keys";
const NOT_FOUND = "not found\n";
const ENDLESS_CHUNK = Buffer.alloc(64 * 1024, "A");

export async function startStubKeyserver(options: StubKeyserverOptions): Promise<StubKeyserver> {
  const certificates = new Map(
    Object.entries(options.certificates).map(([address, armored]) => [
      address.toLowerCase(),
      armored,
    ]),
  );
  const requests: string[] = [];
  const sockets = new Map<number, Socket>();
  let behaviour: StubBehaviour = options.behaviour ?? { kind: "normal" };
  const server = createServer(
    { cert: options.tls.cert, key: options.tls.key },
    (request, response) => {
      requests.push(request.url ?? "");
      // A TLS socket cannot reset: the TCP socket below it can.
      const { remotePort = 0 } = request.socket;
      respond(behaviour, find(certificates, request), response, () =>
        sockets.get(remotePort)?.resetAndDestroy(),
      );
    },
  );
  server.on("connection", (socket: Socket) => {
    const { remotePort = 0 } = socket;
    sockets.set(remotePort, socket);
    socket.once("close", () => sockets.delete(remotePort));
  });
  server.listen(options.port ?? 0, options.host);
  await once(server, "listening");
  return {
    host: options.host,
    port: portOf(server),
    requests,
    behave: (next) => {
      behaviour = next;
    },
    publish: (address, armored) => {
      certificates.set(address.toLowerCase(), armored);
    },
    [Symbol.asyncDispose]: async () => {
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

/** `op=get` for an address, the way an ordinary keyserver reads it: not our own parser. */
function find(
  certificates: ReadonlyMap<string, string>,
  request: IncomingMessage,
): string | undefined {
  const url = new URL((request.url ?? "/").replaceAll("+", "%2B"), "https://stub.test");
  const search = url.searchParams.get("search") ?? "";
  return url.pathname === "/pks/lookup" ? certificates.get(search.toLowerCase()) : undefined;
}

function respond(
  behaviour: StubBehaviour,
  found: string | undefined,
  response: ServerResponse,
  reset: () => void,
): void {
  switch (behaviour.kind) {
    case "normal":
    case "status":
    case "body":
    case "redirect":
      respondWith(behaviour, found, response);
      return;
    case "reset":
      reset();
      return;
    case "silent":
      return;
    case "truncated":
    case "endless":
    case "slow":
      dragOut(behaviour, found ?? NOT_FOUND, response);
  }
}

/** Whole answers. */
function respondWith(
  behaviour: Extract<StubBehaviour, { kind: "normal" | "status" | "body" | "redirect" }>,
  found: string | undefined,
  response: ServerResponse,
): void {
  switch (behaviour.kind) {
    case "normal":
      response.writeHead(found === undefined ? 404 : 200, { "Content-Type": KEYS });
      response.end(found ?? NOT_FOUND);
      return;
    case "status":
      response.writeHead(behaviour.status, behaviour.headers).end();
      return;
    case "body":
      response.writeHead(200, { "Content-Type": behaviour.contentType ?? KEYS });
      response.end(behaviour.body);
      return;
    case "redirect":
      response.writeHead(behaviour.status ?? 302, { Location: behaviour.location }).end();
  }
}

/** Answers that never come to their end. */
function dragOut(
  behaviour: Extract<StubBehaviour, { kind: "truncated" | "endless" | "slow" }>,
  text: string,
  response: ServerResponse,
): void {
  const isTruncated = behaviour.kind === "truncated";
  const length = isTruncated ? { "Content-Length": text.length } : {};
  response.writeHead(200, { "Content-Type": KEYS, ...length });
  if (isTruncated) response.write(text.slice(0, text.length / 2), () => response.destroy());
  else if (behaviour.kind === "slow") slowly(response, text, behaviour.byteEveryMs);
  else endlessly(response);
}

function endlessly(response: ServerResponse): void {
  const more = (): void => {
    while (!response.destroyed && response.write(ENDLESS_CHUNK));
  };
  response.on("drain", more);
  more();
}

function slowly(response: ServerResponse, text: string, everyMs: number): void {
  let sent = 0;
  const timer = setInterval(() => {
    response.write(text.charAt(sent % text.length));
    sent += 1;
  }, everyMs);
  response.once("close", () => {
    clearInterval(timer);
  });
}
