/**
 * Mail coming in: submission (RFC 6409, RFC 8314), MX (RFC 5321) and LMTP (RFC 2033), over smtp-server. Start here; what
 * is answered is decided by the handlers, and `250` is said only after `data` has come back with it. `dialogue.ts` stands
 * between the two.
 */
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";

import { Crowd } from "../../base/crowd.ts";
import { MINUTE, SECOND } from "../../base/time.ts";
import { Dialogue } from "./dialogue.ts";
import { Goodbyes } from "./goodbye.ts";
import type { ListenerMode, Handlers, ListenerLimits } from "./handlers.ts";

/** PEM texts. */
export type ServerTls = { readonly cert: string; readonly key: string };

/** https://docs.openssl.org/3.0/man3/SSL_CTX_set_options/; Node.js has no name for it. */
const SSL_OP_CLEANSE_PLAINTEXT = 2;

const DEFAULT_LIMITS: ListenerLimits = {
  messageBytes: 25 * 1024 * 1024,
  heldBytes: 1024 * 1024 * 1024,
  recipients: 100,
  clients: 1000,
  clientsPerNetwork: 100,
  isTrusted: () => false,
  firstCommandMs: MINUTE,
  idleMs: 5 * MINUTE,
  dataMs: 15 * MINUTE,
  dataOctetsPerSecond: 500,
  slowAfterMs: MINUTE,
  closeMs: 10 * SECOND,
};

export type ListenerOptions<Login extends object> = {
  readonly host: string;
  readonly port: number;
  /** The name in the greeting. */
  readonly hostname: string;
  /** Where `<postmaster>` alone is (RFC 5321 §4.1.1.3); without it, at the hostname. */
  readonly domain?: string;
  readonly mode: ListenerMode;
  /** Needed by both submission modes; `mx` and `lmtp` offer STARTTLS with it. */
  readonly tls?: ServerTls;
  readonly limits?: Partial<ListenerLimits>;
  readonly handlers: Handlers<Login>;
};

export type Listener = AsyncDisposable & {
  readonly mode: ListenerMode;
  readonly host: string;
  readonly port: number;
  /** Takes a renewed certificate for new connections. */
  readonly useTls: (tls: ServerTls) => void;
  /** How many clients are connected. */
  readonly connections: () => number;
};

/**
 * Listens until disposed; then running transactions end, for a time, and everybody else is sent away.
 * @throws Error when it cannot listen there.
 */
export async function startListener<Login extends object>(
  options: ListenerOptions<Login>,
): Promise<Listener> {
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  if (options.mode.startsWith("submission") && options.tls === undefined) {
    throw new Error(`a ${options.mode} listener needs a certificate`);
  }
  const goodbyes = new Goodbyes();
  const { mode, hostname, handlers, domain = hostname } = options;
  const dialogue = new Dialogue(mode, domain, limits, handlers, goodbyes);
  const server = new SMTPServer({ ...serverOptions(options, limits), ...dialogue.callbacks() });
  dialogue.attach(server);
  goodbyes.attach(server);
  const crowd = new Crowd(server.server, {
    connections: limits.clients,
    perNetwork: limits.clientsPerNetwork,
    isTrusted: limits.isTrusted,
    isBusy: (socket) => dialogue.isBusy(socket),
    end: (socket, why) => {
      // Before TLS is agreed on nothing can be said.
      if (options.mode === "submission-implicit" && why !== "idle") socket.destroy();
      else goodbyes.sendAway(socket, why);
    },
  });
  // A stranger's broken connection or handshake is not our error; unheard, the event would end the process. One that keeps
  // the port from us is heard below.
  server.on("error", () => undefined);
  server.listen(options.port, options.host);
  await once(server.server, "listening");
  const { address: host, port } = server.server.address() as AddressInfo;
  return {
    mode,
    host,
    port,
    useTls: (tls) => {
      server.updateSecureContext({ cert: tls.cert, key: tls.key });
    },
    connections: () => server.connections.size,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise<void>((resolve) => {
        server.close(resolve);
      });
      crowd[Symbol.dispose]();
      dialogue.sendAwayIdle();
      await closed;
      await dialogue.finished();
    },
  };
}

function serverOptions<Login extends object>(
  options: ListenerOptions<Login>,
  limits: ListenerLimits,
): SMTPServerOptions {
  const { mode, tls } = options;
  return {
    name: options.hostname,
    heloResponse: "%s",
    lmtp: mode === "lmtp",
    secure: mode === "submission-implicit",
    ...(tls === undefined ? {} : { cert: tls.cert, key: tls.key }),
    minVersion: "TLSv1.2",
    // OpenSSL wipes what it has decrypted as soon as it is read: the line with the password is among it.
    secureOptions: SSL_OP_CLEANSE_PLAINTEXT,
    authMethods: ["PLAIN", "LOGIN"],
    authRequiredMessage: "5.7.0 authentication required",
    allowInsecureAuth: false,
    // Not ours to offer before TLS: what a connection may do is decided in `dialogue.ts`, per connection.
    authOptional: true,
    size: limits.messageBytes,
    hideREQUIRETLS: tls === undefined,
    // Off: on, smtp-server puts codes of its own choice before ours. DSN (RFC 3461) is not offered, so that the client's
    // server sends the notices that we could not: an Envelope has no NOTIFY for each recipient.
    hideENHANCEDSTATUSCODES: true,
    hideDSN: true,
    useProxy: false,
    useXClient: false,
    useXForward: false,
    disableReverseLookup: true,
    // `Crowd` counts, with those whose handshake is not done.
    maxClients: 0,
    socketTimeout: limits.idleMs,
    closeTimeout: limits.closeMs,
    logger: false,
  };
}
